from .batches import Batch, LoneRecord, Section
from .document import FileFault
from .keys import KeyCount, may_repeat_keys
from .reader import CHUNK_BYTES, RecordReader
from .window import MAX_RECORD_BYTES

__all__ = [
    "CHUNK_BYTES",
    "MAX_RECORD_BYTES",
    "Batch",
    "FileFault",
    "KeyCount",
    "LoneRecord",
    "RecordReader",
    "Section",
    "may_repeat_keys",
]
