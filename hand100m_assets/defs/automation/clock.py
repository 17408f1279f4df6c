"""The present time, for pauses and nights. It is in one place so that a test can set it."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo


def now_s() -> float:
    """Seconds since 1970."""
    return time.time()


def local_now(time_zone: str) -> datetime:
    """The present time in a time zone."""
    return datetime.fromtimestamp(now_s(), ZoneInfo(time_zone))
