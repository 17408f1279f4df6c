from .settings import DEFAULT_EXPORT_PREFIX, Settings, SourceFolders, installation, load_settings, settings_file

__all__ = [
    "DEFAULT_EXPORT_PREFIX",
    "Settings",
    "SourceFolders",
    "installation",
    "load_settings",
    "settings_file",
]
