from .settings import DEFAULT_EXPORT_PREFIX, Settings, SourceFolders, installation, load_settings

__all__ = [
    "DEFAULT_EXPORT_PREFIX",
    "Settings",
    "SourceFolders",
    "installation",
    "load_settings",
]
