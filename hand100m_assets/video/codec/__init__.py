"""Reads coded packets of H.264, HEVC, VP9, AV1 and Motion JPEG: dependencies of packets, and overwritten bytes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
