"""One program a way of doing the work: with arguments it does it, without it only imports (the start-up cost)."""
