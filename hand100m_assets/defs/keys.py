"""The keys and groups of the assets of a source. No other module spells them."""

from typing import Final

import dagster as dg

from hand100m_assets.sources import Source

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "videos": ("video_list", "videos", "inventory", "missing_videos", "frames", "frame_catalog"),
    "annotations": ("annotations", "coverage"),
    "pairs": ("pairs", "mined_pairs", "agreement"),
    "pictures": ("grid", "sheets", "report"),
    "training": ("training_set", "export"),
}
"""Assets of each group. A group contains one kind of work and fits on one screen of the UI."""

_GROUP_OF: Final = {asset: group for group, assets in GROUPS.items() for asset in assets}


def asset_key(source: Source, asset: str) -> dg.AssetKey:
    """Key of a source's asset by its short name."""
    return dg.AssetKey([source.name, asset])


def asset_keys(source: Source, *assets: str) -> list[dg.AssetKey]:
    """Keys of a source's assets by their short names."""
    return [asset_key(source, asset) for asset in assets]


def group_name(source: Source, asset: str) -> str:
    """Group in which the UI shows the asset, such as `ego4d_videos`."""
    return f"{source.name}_{_GROUP_OF[asset]}"


def asset_inputs(source: Source, *assets: str) -> dict[str, dg.AssetIn]:
    """Inputs of an asset function: each argument holds the table of the asset it is named after."""
    return {asset: dg.AssetIn(asset_key(source, asset)) for asset in assets}
