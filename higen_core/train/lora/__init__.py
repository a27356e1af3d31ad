"""LoRA: low-rank adapters of a network, and their training."""
