from .file_stamp import NO_FILE, FileStamp
from .output_files import PART_SUFFIX, file_in_place_of, output_errors, write_whole
from .output_tables import table_output_errors
from .presence import away_since, last_look_s, note_away, note_look, note_renewed, refuse_emptied

__all__ = [
    "NO_FILE",
    "PART_SUFFIX",
    "FileStamp",
    "away_since",
    "file_in_place_of",
    "last_look_s",
    "note_away",
    "note_look",
    "note_renewed",
    "output_errors",
    "refuse_emptied",
    "table_output_errors",
    "write_whole",
]
