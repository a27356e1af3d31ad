"""Short runs of the trainings on sprites."""

from pathlib import Path

from higen_core.train.options import read_config
from higen_core.train.sprites import TRAININGS

QUICK = {"log_every": 1, "warmup": 100}


def run(training: str, file: str | None = None, /, **options) -> Path:
    """Trains with a file of options and more options; returns the training's folder."""
    chosen = TRAININGS[training]
    config = read_config(chosen.config, Path(file) if file else None, QUICK | options)
    chosen.run(config)
    return config.folder
