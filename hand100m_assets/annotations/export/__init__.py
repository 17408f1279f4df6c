"""Writes the tables of a set as files for other tools: JSON in the original schema, and COCO."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
