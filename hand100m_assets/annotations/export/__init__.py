"""Writes the tables of a set as files for other tools: in the original schema, and as COCO keypoints."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
