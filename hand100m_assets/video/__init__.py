"""Files to frames: which downloads are complete, what they hold, which frames to take, exactly those as JPEG."""
