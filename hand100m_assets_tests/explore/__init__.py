"""A search for video files that are decoded wrongly: thousands of random ones of every known kind, and spoilt ones.

`python -m hand100m_assets_tests.explore --help` says how to run it. Each file is made from its seed, kind and number
alone, so one file can be made again, and is compared with a plain decode of every packet and with OpenCV's loop.
"""
