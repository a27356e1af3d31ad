"""Training in less memory: optimizers, activation checkpointing, smaller frozen weights, and the forecast."""
