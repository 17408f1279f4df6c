"""Files on disk: stamps that show changes, files that are complete or absent, and folders that are not mounted."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
