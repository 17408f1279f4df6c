"""Tables and frames to pictures: crops, the 10 x 10 grid, charts."""
