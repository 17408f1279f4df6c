"""Time zones: a name that cannot be used is answered with one that can."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from hand100m_assets.errors import SettingsError
from hand100m_assets.settings.settings import load_settings
from hand100m_assets.settings.time_zones import PLACES, why_no_zone


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CEST", "Europe/Berlin"),
        ("cest", "Europe/Berlin"),
        ("MEZ", "Europe/Berlin"),
        ("EST", "America/New_York"),
        ("EDT", "America/New_York"),
        ("MST", "America/Denver"),
        ("PST", "America/Los_Angeles"),
        ("BST", "Europe/London"),
        ("JST", "Asia/Tokyo"),
        ("UTC+2", "Etc/GMT-2"),
        ("GMT-05:00", "Etc/GMT+5"),
        ("+09", "Etc/GMT-9"),
        ("Berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Europe/Berln", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
    ],
)
def test_a_name_that_is_no_zone_is_answered_with_one_that_works(
    name: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(f"HAND100M_TIME_ZONE={name}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert f"HAND100M_TIME_ZONE: '{name}'" in str(caught.value)
    assert re.findall(r"(?:use|did you mean) ([\w/+-]+)", str(caught.value)) == [meant]
    Path(".env").write_text(f"HAND100M_TIME_ZONE={meant}\n")
    assert load_settings().time_zone == meant


@pytest.mark.parametrize("name", ["Qxzqxz", "../x", "/etc/passwd", "UTC+30", "a\0b"])
def test_a_name_like_none_is_answered_with_examples(name: str) -> None:
    assert "such as Europe/Vienna or America/New_York" in str(why_no_zone(name))


def test_every_zone_may_be_used_but_the_two_without_summer_time() -> None:
    assert {zone for zone in available_timezones() if why_no_zone(zone)} == {"EST", "MST"}


def test_the_clocks_of_each_place_go_by_its_abbreviation() -> None:
    for name, place in PLACES.items():
        assert name in {datetime(2026, month, 1, tzinfo=ZoneInfo(place)).tzname() for month in (1, 7)}, (name, place)


def test_an_offset_that_is_suggested_has_the_sign_that_was_meant() -> None:
    meant = re.search(r"mean (\S+)\?", str(why_no_zone("UTC+2")))
    assert meant is not None
    assert datetime(2026, 1, 1, tzinfo=ZoneInfo(meant[1])).strftime("%z") == "+0200"
