"""The diffusion process: noise schedule, noise, guidance, samplers, and the two stages that they make up."""
