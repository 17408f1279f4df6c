"""Old name of `python -m hand100m_assets.headless.catch_up`, kept for one version because scripts call it."""

import runpy
import sys

if __name__ == "__main__":
    sys.stderr.write("This command has moved: write python -m hand100m_assets.headless.catch_up.\n")
    runpy.run_module("hand100m_assets.headless.catch_up", run_name="__main__")
