"""Frame folders: one folder of JPEGs per video, with a manifest that is written last; for one video or for many."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
