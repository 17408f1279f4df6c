"""The files of a sample: lists, annotation files, planted faults, and a list of these faults."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
