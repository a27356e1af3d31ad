"""Sources of cues."""
