"""One module a way of doing the work: importing it prepares, `main` does it."""
