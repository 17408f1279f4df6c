"""Makes tables from an annotation file: every record is checked, and every rejected one is listed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
