from .ingest import ingest_file

__all__ = [
    "ingest_file",
]
