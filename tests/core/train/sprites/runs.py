"""Short runs of the trainings on sprites."""

import json
from pathlib import Path

from safetensors import safe_open

from higen_core.train.options import read_config
from higen_core.train.sprites import TRAININGS

QUICK = {"log_every": 1, "warmup": 100}


def run(network: str, file: str | None = None, **options) -> Path:
    """Trains with a file of options and more options; returns the training's folder."""
    training = TRAININGS[network]
    config = read_config(training.config, Path(file) if file else None, QUICK | options)
    training.run(config)
    return config.folder


def metadata(path: Path) -> dict:
    with safe_open(path, "pt") as file:
        return {name: json.loads(value) for name, value in file.metadata().items()}
