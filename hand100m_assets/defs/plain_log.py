"""A console log for people: what assets say, without the orchestrator's own events."""

import logging
from typing import Any

import dagster as dg


class _OnlyWhatAssetsSay(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Pass over the orchestrator's events; a failed step's traceback is in the run's log."""
        return getattr(record, "dagster_meta", {}).get("dagster_event") is None


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The message as it was written, marked when it is a warning or worse."""
        said = getattr(record, "dagster_meta", {}).get("orig_message") or record.getMessage()
        return f"   {'' if record.levelno < logging.WARNING else record.levelname + ': '}{said}"


@dg.logger(None, "What assets say, one line each.")
def plain(_context: dg.InitLoggerContext) -> logging.Logger:
    """Logs to stderr from INFO on."""
    logger = logging.Logger("hand100m", level=logging.INFO)
    handler = logging.StreamHandler()
    handler.addFilter(_OnlyWhatAssetsSay())
    handler.setFormatter(_PlainFormatter())
    logger.addHandler(handler)
    return logger


PLAIN: dict[str, Any] = {"loggers": {"plain": {"config": {}}}}
"""Run configuration that chooses this logger."""
