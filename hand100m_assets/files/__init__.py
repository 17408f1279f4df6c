"""Files on disk: stamps that tell whether a file has changed, output that is whole or absent, folders that are away."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
