"""What is measured on a denoiser while it is trained."""
