"""What time it is, for pauses and nights; one place, so that a test can set it."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo


def now_s() -> float:
    """Seconds since 1970."""
    return time.time()


def local_now(time_zone: str) -> datetime:
    """The same as a wall clock there shows it."""
    return datetime.fromtimestamp(now_s(), ZoneInfo(time_zone))
