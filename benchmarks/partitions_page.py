"""How long the UI takes to show an asset's partitions: the server's answer, and the page in a browser."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

from benchmarks.measure import REPO

ASKED_TIMES = 3
_WAIT_S = 120
# What the page of an asset's partitions asks for. Source: dagster-webserver's PartitionHealthQuery.
_QUERY = """
query PartitionHealth($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      partitionKeysByDimension { name partitionKeys }
      assetPartitionStatuses {
        ... on DefaultPartitionStatuses {
          materializedPartitions materializingPartitions unmaterializedPartitions failedPartitions
        }
      }
    }
  }
}
"""


@contextmanager
def webserver() -> Iterator[str]:
    """The UI of this instance on a free port, for as long as it is needed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("dagster-webserver")
    command = [program, "-h", "127.0.0.1", "-p", str(port), "-w", REPO / "workspace.yaml"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_up(url)
            yield url
        finally:
            server.terminate()


def answer_s(url: str, asset: str) -> float:
    """Median of the times until the states of all partitions are here."""
    body = json.dumps({"query": _QUERY, "variables": {"key": {"path": asset.split("/")}}}).encode()
    times = []
    for _ in range(ASKED_TIMES):
        before_s = time.perf_counter()
        request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:
            states = json.load(answer)["data"]["assetNodeOrError"]["assetPartitionStatuses"]
        times.append(time.perf_counter() - before_s)
        assert states["materializedPartitions"] and states["unmaterializedPartitions"]
    return median(times)


def page_s(url: str, asset: str, shown: str) -> float | None:
    """Median of the times until the page lists a partition, programs of the page at hand; None without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return None
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
        page.set_default_timeout(1000 * _WAIT_S)
        for _ in range(1 + ASKED_TIMES):
            before_s = time.perf_counter()
            page.goto(f"{url}/assets/{asset}?view=partitions")
            page.get_by_text(shown).first.wait_for()
            times.append(time.perf_counter() - before_s)
        browser.close()
    return median(times[1:])


def _wait_until_up(url: str) -> None:
    for _ in range(2 * _WAIT_S):
        with suppress(OSError), urllib.request.urlopen(f"{url}/server_info", timeout=5):
            return
        time.sleep(0.5)
    raise SystemExit(f"the UI did not start within {_WAIT_S} s")
