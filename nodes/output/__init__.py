"""What the nodes return: video files, curves on links, and curves measured in the finished video."""
