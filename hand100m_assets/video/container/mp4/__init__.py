"""Reads the boxes of mp4 files, whole or fragmented."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
