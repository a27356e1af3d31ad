"""`python -m higen_core.train {vae,clip,denoiser,evaluate}`: trains a network, or measures one of the sprite world."""

from __future__ import annotations

import argparse
from pathlib import Path

from .config import CLIPTraining, DenoiserTraining, VAETraining
from .options import add_flags, read_config

TRAININGS = {
    "vae": (VAETraining, "train the autoencoder"),
    "clip": (CLIPTraining, "train the text and image towers"),
    "denoiser": (DenoiserTraining, "train the denoiser, from nothing or from weights"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m higen_core.train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (kind, what) in TRAININGS.items():
        add_flags(commands.add_parser(name, help=what, description=kind.__doc__), kind)
    command = commands.add_parser("evaluate", help="measure prompts and cues, write figures and a contact sheet")
    command.add_argument("--folder", default="mini", help="folder with the three networks, or mini")
    command.add_argument("--out", type=Path, required=True, help="folder for evaluation.json and evaluation.png")
    command.add_argument("--count", type=int, help="prompts")
    command.add_argument("--steps", type=int, help="sampling steps")
    command.add_argument("--guidance", type=float, help="guidance scale of the spatial stage")
    command.add_argument("--video-guidance", type=float, help="guidance scale of the temporal stage")
    command.add_argument("--sampler", help="ddim or dpmpp_2m")
    command.add_argument("--seed", type=int, help="of prompts and noise")
    told = "folder of a denoiser trained with mini_baseline: measure how both obey the prompts, and nothing else"
    command.add_argument("--baseline", help=told)
    options = vars(parser.parse_args())
    name = options.pop("command")
    if name == "evaluate":
        from .evaluate import main as evaluate

        evaluate(**{key: value for key, value in options.items() if value is not None})
        return
    try:
        config = read_config(TRAININGS[name][0], options.pop("config"), options)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    _training(name)(config)


def _training(name: str):
    if name == "vae":
        from .vae import main
    elif name == "clip":
        from .clip import main
    else:
        from .denoiser import main
    return main


if __name__ == "__main__":
    main()
