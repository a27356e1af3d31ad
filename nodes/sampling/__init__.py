"""HiGen's noise, guidance and samplers as ComfyUI's NOISE, GUIDER and SAMPLER."""
