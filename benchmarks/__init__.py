"""Our work beside what a user would pick instead, measured as separate processes."""
