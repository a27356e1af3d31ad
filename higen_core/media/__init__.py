"""Images and video files as tensors."""
