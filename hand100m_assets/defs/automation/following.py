"""The rules that say which assets of an annotation set are made again when which of their inputs changed.

The functions are pure and use only records. The sensor asks them what to request. The step asks them again, for each
set, before it makes anything. So nothing is made twice, and nothing before its inputs (docs/adr/0018).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import dagster as dg

from hand100m_assets.defs.automation.records import Record, Records, as_input
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.sources import SOURCES, Source

UNPARTITIONED: Final = frozenset({"frame_catalog", "inventory"})


@dataclass(frozen=True)
class Follows:
    """When an asset is made again. If it is missing and all its inputs exist, it is made at once.

    Attributes:
        at_once: Inputs whose change makes it due at once.
        at_night: Inputs whose change makes it due at the next `hour`: an asset that takes seconds to minutes per set is
            not made again for each video of a day.
        only_there: Inputs that have to exist, but whose changes do not matter.
        may_be_absent: Inputs among these that need not exist.
        hour: Hour of the day, in the time zone of the schedules.
        other_sources: Inputs of the same name in other sources, for assets that show both sources.
    """

    at_once: tuple[str, ...] = ()
    at_night: tuple[str, ...] = ()
    only_there: tuple[str, ...] = ()
    may_be_absent: tuple[str, ...] = ()
    hour: int = 3
    other_sources: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """All inputs."""
        return (*self.at_once, *self.at_night, *self.only_there)


_SHOWN: Final = ("annotations", "coverage", "mined_pairs", "pairs")

RULES: Final[Mapping[str, Follows]] = {
    "pairs": Follows(at_once=("annotations",)),
    "mined_pairs": Follows(at_once=("annotations",)),
    "agreement": Follows(at_once=("annotations", "pairs", "mined_pairs")),
    "coverage": Follows(at_once=("annotations", "frame_catalog", "inventory")),
    "grid": Follows(at_once=_SHOWN),
    "sheets": Follows(at_night=_SHOWN, other_sources=("annotations",)),
    "report": Follows(at_night=("agreement", "annotations", "coverage", "grid", "pairs", "sheets")),
    "export": Follows(
        at_once=("annotations", "mined_pairs"),
        at_night=("frame_catalog",),
        only_there=("inventory",),
        may_be_absent=("mined_pairs",),
        hour=5,
    ),
    "training_set": Follows(at_once=("annotations",), at_night=("frame_catalog",), hour=5),
}
"""The rules, in the order in which the assets are made."""

TABLES: Final = ("pairs", "mined_pairs", "agreement")
"""Assets that the annotations job makes with the tables."""

PICTURES: Final = ("coverage", "grid", "sheets", "report")
"""Assets that one run makes for many sets."""

FILES: Final = ("export", "training_set")
"""Assets that one run per set makes."""


@dataclass(frozen=True)
class SetState:
    """What is recorded of one annotation set.

    Attributes:
        source: Source of the set.
        key: Key of the set.
        records: At least the records of `read_by` for the assets in question.
    """

    source: Source
    key: str
    records: Records

    def due(self, assets: Iterable[str], now: datetime) -> list[str]:
        """Which of these assets are missing or were made from older inputs, in the order of `RULES`.

        An asset is also due if one of its inputs is due and its other inputs exist.
        """
        found: list[str] = []
        for asset in assets:
            if self._is_due(asset, now, found):
                found.append(asset)
        return found

    def _is_due(self, asset: str, now: datetime, will_be_made: list[str]) -> bool:
        rule, made = RULES[asset], self.record(asset)
        needed = set(rule.inputs).difference(rule.may_be_absent, will_be_made)
        if any(self.version(name) is None for name in needed):
            return False
        if made is None:
            return True
        is_night = made.at_s < _last_time_at(rule.hour, now).timestamp()
        looked_at = (*rule.at_once, *(rule.at_night if is_night else ()))
        if any(name in will_be_made for name in looked_at):
            return True
        if not all(self._is_of(made, name) for name in looked_at):
            return True
        return is_night and not all(self._shows(made, other, name) for other, name in _beside(self.source, asset))

    def _is_of(self, made: Record, name: str) -> bool:
        """Whether an asset was made from the present state of this input, or a person said that it is up to date."""
        key, read = _key(self.source, name), self.record(name)
        if made.vouches_for(read) or (read is not None and read.was_read_by(made, key)):
            return True
        return made.made_of(key) == self.version(name)

    def _shows(self, made: Record, other: Source, name: str) -> bool:
        return made.vouches_for(self.record(name, other)) or made.shows(_key(other, name), self.version(name, other))

    def input_versions(self, asset: str) -> dict[dg.AssetKey, str]:
        """Versions of the inputs of an asset that is made now; without those that only a person reported."""
        records = {name: self.record(name) for name in RULES[asset].inputs}
        return {
            _key(self.source, name): as_input(record, partitioned=name not in UNPARTITIONED)
            for name, record in records.items()
            if record is not None and record.version
        }

    def versions_beside(self, asset: str) -> dict[dg.AssetKey, str | None]:
        """Versions of other sources that an asset that is made now shows; None for what does not exist."""
        return {_key(other, name): self.version(name, other) for other, name in _beside(self.source, asset)}

    def fingerprint(self, assets: Iterable[str]) -> str:
        """Versions of all inputs of these assets, as a text that stays the same as long as nothing changes."""
        names = sorted({name for asset in assets for name in RULES[asset].inputs})
        return ",".join(f"{name}={self.version(name)}" for name in names)

    def version(self, name: str, source: Source | None = None) -> str | None:
        """Version of an input, as Dagster records it for an asset that is made from it."""
        record = self.record(name, source)
        return None if record is None else as_input(record, partitioned=name not in UNPARTITIONED)

    def record(self, name: str, source: Source | None = None) -> Record | None:
        """The latest materialization of the asset: of this set, or of the whole asset if it has no partitions."""
        partition = None if name in UNPARTITIONED else self.key
        return self.records.get((_key(source or self.source, name), partition))


def read_by(source: Source, assets: Iterable[str]) -> set[dg.AssetKey]:
    """Every asset whose record is needed to tell whether these are due."""
    own = {name for asset in assets for name in (asset, *RULES[asset].inputs)}
    beside = {pair for asset in assets for pair in _beside(source, asset)}
    return {_key(source, name) for name in own} | {_key(other, name) for other, name in beside}


def _beside(source: Source, asset: str) -> list[tuple[Source, str]]:
    return [(other, name) for other in SOURCES if other != source for name in RULES[asset].other_sources]


def _key(source: Source, name: str) -> dg.AssetKey:
    return asset_key(source, name)


def _last_time_at(hour: int, now: datetime) -> datetime:
    """The last moment, not after now, at which a clock showed this hour."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)
