"""Every setting, read from the environment and the `.env` file; nothing else reads the environment."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
