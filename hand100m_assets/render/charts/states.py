"""The states of videos and images that are good. They are apart from the charts, which load matplotlib."""

from typing import Final

GOOD_STATES: Final = frozenset({"on disk", "complete", "resolved", "done", "finished"})
"""States that are drawn as good."""
WAITING_STATES: Final = frozenset(
    {
        *("waiting", "to do", "in progress", "pending", "in_progress", "outstanding"),
        *("video still downloading", "not extracted yet", "extraction to be retried"),
    }
)
"""States that are drawn as waiting. Every state that is neither here nor in `GOOD_STATES` is a fault."""
