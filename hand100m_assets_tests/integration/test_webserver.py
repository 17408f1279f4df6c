"""What a person sees in the UI on the finished sample, offline, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from hand100m_assets.defs.keys import GROUPS
from hand100m_assets_tests.conftest import REPO, SampleWorkspace

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def webserver(finished: SampleWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("webserver") / "log.txt"
    command = [str(Path(sys.executable).with_name("dagster-webserver")), "-h", "127.0.0.1", "-p", str(port)]
    with (
        log.open("w") as out,
        subprocess.Popen(
            [*command, "-w", str(REPO / "workspace.yaml")], env=finished.env, cwd=REPO, stdout=out, stderr=out
        ) as server,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_up(url, server, log)
            yield url
        finally:
            server.terminate()


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=5) as answer:
                assert json.load(answer)["dagster_version"]
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(log.read_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, webserver: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, base_url=webserver)
    page = context.new_page()
    page.set_default_timeout(180_000)  # a busy machine loads the definitions slowly
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or ""))
    yield page
    context.close()
    assert hosts - {""} <= {"127.0.0.1"}, f"the page asked the internet: {hosts}"


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_of_assets_fits_a_screen(page: Page, group: str) -> None:
    """The graph draws only what is in sight, so every name that is found can be read without scrolling."""
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"/locations/hand100m_assets/asset-groups/ego4d_{group}/lineage")
    for asset in GROUPS[group]:
        page.get_by_text(asset, exact=True).first.wait_for()


def test_a_frames_partition_shows_its_frames(page: Page, finished: SampleWorkspace) -> None:
    video_id = next(iter(finished.report.sources["ego4d"].healthy))
    page.goto(f"/assets/ego4d/frames?view=partitions&partition={video_id}")
    page.get_by_text("frame_count_decoded").first.wait_for()


def test_the_truncated_video_is_shown_as_failed(page: Page, finished: SampleWorkspace) -> None:
    """Of Ego4D the list says how many bytes a file must have, so a cut one is still a download there."""
    page.goto("/assets/100doh/frames?view=partitions")
    truncated = finished.report.sources["100doh"].truncated[0]
    page.get_by_text(truncated[:8]).first.wait_for()
    page.get_by_text("Failed").first.wait_for()


def test_the_reason_of_a_failed_video_is_one_click_away(page: Page, finished: SampleWorkspace) -> None:
    page.goto("/assets/100doh/frames?view=partitions")
    truncated = finished.report.sources["100doh"].truncated[0]
    page.get_by_text(truncated).first.click()
    page.get_by_text("View logs").click()
    page.get_by_text(f"{truncated}.mp4: the index (moov) is missing: the download was cut").first.wait_for()


def test_a_failed_check_shows_how_many_are_at_fault_and_which(page: Page, finished: SampleWorkspace) -> None:
    (hand_id,) = hands_without_their_positive(finished)
    page.goto("/assets/ego4d/annotations?view=checks&checkDetail=positive_missing")
    page.get_by_text("1 at fault in 4 sets.").first.wait_for()
    page.get_by_text("Show Markdown").first.click()
    page.get_by_role("cell", name=hand_id, exact=True).first.wait_for()


def hands_without_their_positive(sample: SampleWorkspace) -> set[str]:
    """By the annotation files: whose positive is no hand of the same file."""
    found: set[str] = set()
    for file in (sample.folder / "data" / "annotations" / "Ego4D").glob("*.json"):
        hands = json.loads(file.read_text())["annotations"]
        known = {str(hand["hand_id"]) for hand in hands}
        found |= {
            str(h["hand_id"]) for h in hands if h["positive_sample"] and str(h["positive_sample"][0]) not in known
        }
    return found


def test_the_grid_is_visible_without_internet(page: Page) -> None:
    page.goto("/assets/ego4d/grid?view=partitions&partition=simhand-50k")
    page.get_by_text("labelled_preview").first.wait_for()
    page.get_by_text("Show Markdown").first.click()
    picture = page.locator("img[src^='data:image/jpeg']").first
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") >= 300


@pytest.mark.parametrize("asset", ["sheets", "report"])
def test_the_other_pictures_and_the_report_can_be_found_in_the_ui(page: Page, asset: str) -> None:
    page.goto(f"/assets/ego4d/{asset}?view=partitions&partition=simhand-50k")
    page.get_by_text("cells_empty").first.wait_for()
    if asset == "report":
        assert page.locator("a[href^='file://'][href$='/ego4d/report/simhand-50k.html']").count() >= 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_shows_its_pictures_without_asking_anybody(
    browser: Browser, finished: SampleWorkspace, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    file = finished.settings.output_root / "ego4d" / "report" / "simhand-50k.html"
    page.goto(file.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert said == []
    widths = page.evaluate("[...document.images].map(image => image.complete && image.naturalWidth)")
    assert len(widths) == 8 and min(widths) >= 600
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
    ground, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (_brightness(ground) > _brightness(ink)) == (scheme == "light")
    assert abs(_brightness(ground) - _brightness(ink)) > 150
    context.close()


def _brightness(css_color: str) -> float:
    return sum(map(int, re.findall(r"\d+", css_color)[:3])) / 3
