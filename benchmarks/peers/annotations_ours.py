"""An annotation file to validated Parquet tables with this project: `annotations_ours FILE OUT`."""

from pathlib import Path

from hand100m_assets.annotations.ingest import ingest_file


def main(file: str, out: str) -> None:
    summary = ingest_file(Path(file), Path(out) / "tables")
    Path(out, "count.txt").write_text(f"{summary.images_kept} {summary.hands_kept}")
