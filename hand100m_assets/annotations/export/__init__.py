"""Tables to files for other tools: the original's JSON and COCO."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
