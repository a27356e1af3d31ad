"""What is trained on: an index of the videos, the cache of what was computed from them, images and clips."""
