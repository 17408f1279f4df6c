"""Videos and their exact frames: complete downloads, the contents of a file, and the pictures at frame indices."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
