"""The networks of HiGen: denoiser (`unet`), autoencoder (`vae`), text and image towers (`clip`)."""
