"""Old name of `python -m hand100m_assets.headless.dev`, kept for one version because scripts call it."""

import runpy
import sys

if __name__ == "__main__":
    sys.stderr.write("This command has moved: write python -m hand100m_assets.headless.dev.\n")
    runpy.run_module("hand100m_assets.headless.dev", run_name="__main__")
