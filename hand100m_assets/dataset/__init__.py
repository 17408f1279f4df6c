"""Training sets: crops of hands with their positives, opened by `HandPairs` without Dagster, polars or PyTorch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
