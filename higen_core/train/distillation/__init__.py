"""Distillation: a student that needs one evaluation in a few steps learns the trajectories of a guided teacher."""
