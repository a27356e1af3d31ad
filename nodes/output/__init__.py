"""What the nodes return: video files, and curves measured in the finished video."""
