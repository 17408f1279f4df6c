"""Owners and tags of assets, from the settings."""

from collections.abc import Sequence
from typing import Final

import dagster as dg

from hand100m_assets.defs.descriptions.code import with_code_references
from hand100m_assets.settings import Settings
from hand100m_assets.sources import Source

SOURCE_TAG: Final = "hand100m/source"
"""Tag of each asset with its source, so that the UI can find all assets of a source."""


def with_labels(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], source: Source, settings: Settings
) -> Sequence[dg.AssetsDefinition]:
    """Add owners and tags, and links to the code, to all assets of a source."""
    tags = {**settings.asset_tags, SOURCE_TAG: source.name}
    return dg.map_asset_specs(
        lambda spec: spec.merge_attributes(owners=settings.asset_owners, tags=tags),
        with_code_references(assets, settings.code_url),
    )
