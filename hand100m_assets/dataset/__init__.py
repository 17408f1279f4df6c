"""Training sets: crops of hands with their positives. `HandPairs` reads them without Dagster, Polars or PyTorch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
