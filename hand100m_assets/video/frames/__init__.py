"""Frame folders: one per video, with a manifest written last, many videos at a time."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
