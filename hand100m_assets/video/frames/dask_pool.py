"""Old name of `hand100m_assets.parallel.DaskPool`, kept for one version because scripts import it."""

import warnings

from hand100m_assets.parallel import DaskPool

__all__ = ["DaskPool"]

warnings.warn("DaskPool has moved: import it from hand100m_assets.parallel.", FutureWarning, stacklevel=2)
