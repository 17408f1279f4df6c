"""Reads container formats: what a video file says about itself, and whether it is complete."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
