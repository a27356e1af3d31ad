"""Measures whether a denoiser of the emoji data set follows its prompts and cues."""
