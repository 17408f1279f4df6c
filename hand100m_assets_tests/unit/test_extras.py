"""The advice for a missing optional dependency can be followed."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from hand100m_assets.extras import install_command
from hand100m_assets_tests.conftest import REPO

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXTRAS = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", ["server", "dask", "celery", "ann", "torch"])
def test_the_command_names_what_the_extra_needs_and_not_this_package(extra: str) -> None:
    words = shlex.split(install_command(extra))
    assert words[:2] == ["pip", "install"]
    assert {str(Requirement(word)) for word in words[2:]} == {str(Requirement(line)) for line in EXTRAS[extra]}


def test_what_is_installed_here_satisfies_the_command() -> None:
    for word in shlex.split(install_command("dask"))[2:]:
        requirement = Requirement(word)
        assert requirement.specifier.contains(version(requirement.name), prereleases=True)


def test_an_unknown_extra_is_named() -> None:
    with pytest.raises(ValueError, match="no extra named 'dusk'"):
        install_command("dusk")
