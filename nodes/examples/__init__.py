"""What the example workflows of the pack need in order to run."""
