"""What the nodes return: progress, previews, video files, and curves measured in the finished video."""
