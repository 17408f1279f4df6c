"""Pictures of hands: how a crop is cut, how the keypoints are ordered, and how image files are read and written."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
