"""One file a stage; each builds the assets of one source."""
