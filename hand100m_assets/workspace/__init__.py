"""One source's inputs and outputs joined: its downloads, tables, frames, pictures, report and state."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
