"""Sampling with fewer evaluations of the network."""
