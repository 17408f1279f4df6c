from .building.build import build_training_set
from .building.job import BuildReport, TrainingSetJob
from .hand_pairs import HandPairs
from .records import INDEX_FILE, CutFrom
from .speed import samples_per_second
from .stored_crop import CODECS, Codec, CropOptions

__all__ = [
    "CODECS",
    "INDEX_FILE",
    "BuildReport",
    "Codec",
    "CropOptions",
    "CutFrom",
    "HandPairs",
    "TrainingSetJob",
    "build_training_set",
    "samples_per_second",
]
