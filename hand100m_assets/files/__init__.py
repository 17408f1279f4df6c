"""Files on disk: stamps that tell one state from another, output written beside and renamed, folders that are away."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
