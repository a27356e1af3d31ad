"""The emoji data set that mini is trained on: moving emoji and shapes with captions. Not part of the installed pack."""

from ..data.registry import Training
from .config import SpriteCLIPTraining, SpriteDenoiserTraining, SpriteDistillTraining, SpriteVAETraining

TRAININGS = {
    "vae": Training(SpriteVAETraining, ".vae:main", "train the autoencoder on sprites"),
    "clip": Training(SpriteCLIPTraining, ".clip:main", "train the text and image towers"),
    "denoiser": Training(SpriteDenoiserTraining, ".denoiser:main", "train the denoiser"),
    "distill": Training(SpriteDistillTraining, ".distill:main", "make a denoiser fast: few steps, one evaluation each"),
}
"""What `--data sprites` puts in the place of the trainings on videos."""
