"""Old name of `python -m hand100m_assets.headless.check_data`, kept for one version because scripts call it."""

import runpy
import sys

if __name__ == "__main__":
    sys.stderr.write("This command has moved: write python -m hand100m_assets.headless.check_data.\n")
    runpy.run_module("hand100m_assets.headless.check_data", run_name="__main__")
