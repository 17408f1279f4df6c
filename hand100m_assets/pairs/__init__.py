"""Similar hands: the positives that came with a set, exact mining, temporal pairs, and their agreement."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
