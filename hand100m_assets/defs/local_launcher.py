"""Old name of `hand100m_assets.launchers.local`, kept for one version because `dagster.yaml` files name it."""

import warnings

from hand100m_assets.launchers.local import WatchfulRunLauncher

__all__ = ["WatchfulRunLauncher"]

warnings.warn(
    "hand100m_assets.defs.local_launcher has moved: write `module: hand100m_assets.launchers.local` in dagster.yaml.",
    FutureWarning,
    stacklevel=2,
)
