from .agreement import COUNTED_HANDS, SURE_RANKS, measure_agreement, summarise_agreement
from .embed import EmbeddingOptions, embed_hands, reasons_against
from .mine import ExactSearch, Progress
from .mined import MINED_SCHEMA, MOST_NEIGHBOURS, Engine, MiningReport, mine_pairs
from .positives_export import export_mined_json, export_temporal_json
from .resolve import resolve_pairs
from .temporal import write_temporal_pairs

__all__ = [
    "COUNTED_HANDS",
    "MINED_SCHEMA",
    "MOST_NEIGHBOURS",
    "SURE_RANKS",
    "EmbeddingOptions",
    "Engine",
    "ExactSearch",
    "MiningReport",
    "Progress",
    "embed_hands",
    "export_mined_json",
    "export_temporal_json",
    "measure_agreement",
    "mine_pairs",
    "reasons_against",
    "resolve_pairs",
    "summarise_agreement",
    "write_temporal_pairs",
]
