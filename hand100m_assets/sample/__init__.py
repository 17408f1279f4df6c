"""Makes a miniature Hand100M: videos of true hands, lists, annotation files, and planted faults."""
