"""Makes tables from an annotation file. Every record is checked, and rejected records are listed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
