"""The check that the folder of downloads is still read. Tables do not show it: they change only with new videos."""

import time

import dagster as dg

from hand100m_assets.defs.automation import clock
from hand100m_assets.defs.check_results import WARN
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.files import last_look_s
from hand100m_assets.sources import Source

_HOUR_S = 3600.0


def build_look_check(source: Source) -> dg.AssetChecksDefinition:
    """Check that the sensor of new videos, or a catch-up, has recently read the folder of downloads."""

    @dg.asset_check(
        asset=asset_key(source, "videos"),
        description="Tests that the folder of downloads was read within the last hours (HAND100M_MAX_LOOK_AGE_HOURS). "
        "Otherwise new, replaced and deleted files are not noticed, for example because a sensor is off or a folder is "
        "not mounted.",
    )
    @fails_clearly
    def downloads_were_looked_at(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        limit_h, folder = place.settings.max_look_age_hours, place.folders.videos_dir
        last_s = last_look_s(place.output.videos_looked_at_file)
        fix = (
            f"Switch the sensor {source.name}_new_videos on under Automation and see what its ticks say, or run "
            "`python -m hand100m_assets.headless.catch_up`."
        )
        if last_s is None:
            return dg.AssetCheckResult(
                passed=False, severity=WARN, description=f"There is no successful look at {folder} yet. {fix}"
            )
        age_h = max(clock.now_s() - last_s, 0.0) / _HOUR_S
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(last_s))
        said = f"The last successful look at {folder} was at {when}, {age_h:.1f} hours ago"
        passed = age_h <= limit_h
        return dg.AssetCheckResult(
            passed=passed,
            severity=WARN,
            description=f"{said}." if passed else f"{said}; the limit is {limit_h:g} h. {fix}",
            metadata={
                "last_look": dg.MetadataValue.timestamp(last_s),
                "hours_since": round(age_h, 3),
                "hours_allowed": limit_h,
            },
        )

    return downloads_were_looked_at
