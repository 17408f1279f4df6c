from .coco import export_coco
from .original import Exported, export_json

__all__ = [
    "Exported",
    "export_coco",
    "export_json",
]
