"""Reads the folder of downloads: what is there and complete, what the official list expects, what is missing."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
