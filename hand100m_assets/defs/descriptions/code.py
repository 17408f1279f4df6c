"""Links in the UI from an asset to its code: to the local file, or to the commit on GitHub or GitLab."""

import inspect
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import dagster as dg

import hand100m_assets
from hand100m_assets.defs.internals import function_of

CODE_METADATA: Final = "dagster/code_references"

_PACKAGE: Final = Path(hand100m_assets.__file__).resolve()


def code_reference(function: Callable[..., Any]) -> Mapping[str, dg.CodeReferencesMetadataValue]:
    """Metadata that links an asset with the function that makes it, under the function's own name.

    `dg.with_source_code_references` would name the file of the outermost decorator.
    """
    body = inspect.unwrap(function)
    reference = dg.LocalFileCodeReference(
        file_path=body.__code__.co_filename, line_number=body.__code__.co_firstlineno, label=body.__name__.strip("_")
    )
    return {CODE_METADATA: dg.CodeReferencesMetadataValue(code_references=[reference])}


def with_code_references(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], code_url: str
) -> Sequence[dg.AssetsDefinition]:
    """Link each asset without a link of its own to the function that is its body.

    Args:
        assets: The assets.
        code_url: Address of the code on GitHub or GitLab; links lead to the commit that is checked out. Links lead to
            local files if it is empty, or if the code is not a clone.
    """
    linked = [_with_own_function(asset) for asset in assets]
    commit = commit_checked_out() if code_url else None
    if commit is None:
        return linked
    on_the_web = dg.link_code_references_to_git(
        linked,
        git_url=code_url,
        git_branch=commit,
        platform="gitlab" if "gitlab" in code_url else "github",
        file_path_mapping=dg.AnchorBasedFilePathMapping(_PACKAGE, f"{_PACKAGE.parent.name}/{_PACKAGE.name}"),
    )
    return [asset for asset in on_the_web if isinstance(asset, dg.AssetsDefinition)]


def _with_own_function(asset: dg.AssetsDefinition | dg.AssetSpec) -> dg.AssetsDefinition:
    if isinstance(asset, dg.AssetSpec):
        return dg.AssetsDefinition(specs=[asset])
    reference = code_reference(function_of(asset))
    return asset.map_asset_specs(
        lambda spec: spec if CODE_METADATA in spec.metadata else spec.merge_attributes(metadata=reference)
    )


@cache
def commit_checked_out() -> str | None:
    """The commit of the clone that contains this code; None if it is not a clone, or git is not installed."""
    folder = str(_PACKAGE.parent)
    try:
        # A virtual environment may lie in a clone of something else, which does not know this file.
        subprocess.run(["git", "-C", folder, "ls-files", "--error-unmatch", _PACKAGE.name], check=True, **_SILENT)
        return str(subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], check=True, **_SILENT).stdout).strip()
    except (OSError, subprocess.SubprocessError):
        return None


_SILENT: Final[dict[str, Any]] = {"capture_output": True, "text": True, "timeout": 10}
