"""Reads the folder of downloads: complete files, what the official list expects, and what is missing."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
