"""Pairs of similar hands: positives of the annotation file, mined pairs, temporal pairs, and how well they agree."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
