"""Decoded pictures in the colours that OpenCV gives, and their JPEG bytes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
