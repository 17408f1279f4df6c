"""Old name of `hand100m_assets.launchers.celery`, kept for one version because `dagster.yaml` files name it."""

import warnings

from hand100m_assets.launchers.celery import WatchfulCeleryRunLauncher

__all__ = ["WatchfulCeleryRunLauncher"]

warnings.warn(
    "hand100m_assets.defs.celery_launcher has moved: write `module: hand100m_assets.launchers.celery` in dagster.yaml.",
    FutureWarning,
    stacklevel=2,
)
