"""Joins the inputs and outputs of one source: its downloads, tables, frames, pictures, reports and state."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
