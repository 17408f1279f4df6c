"""Which states of videos and images are good news; apart from the charts, which load matplotlib."""

from typing import Final

GOOD_STATES: Final = frozenset({"on disk", "complete", "resolved", "done", "finished"})
"""Words that are drawn as good news."""
WAITING_STATES: Final = frozenset(
    {
        *("waiting", "to do", "in progress", "pending", "in_progress", "outstanding"),
        *("video still downloading", "not extracted yet", "extraction to be retried"),
    }
)
"""Words that are drawn as no news yet; every word that is neither here nor in `GOOD_STATES` is a fault."""
