"""`python -m higen_core.train {vae,clip,denoiser,evaluate}`: trains a network of the sprite world, or measures them."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m higen_core.train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("vae", "the autoencoder"),
        ("clip", "the text and image towers"),
        ("denoiser", "the denoiser, with the two others in the same folder"),
    ):
        command = commands.add_parser(name, help=f"train {what}")
        command.add_argument("--out", type=Path, required=True, help="folder of weights, state and cache; runs resume")
        command.add_argument("--steps", type=int, help="optimiser steps in all")
        command.add_argument("--lr", type=float, help="highest learning rate")
        command.add_argument("--seed", type=int, help="of weights, data and noise")
    command.add_argument("--init", help="weights to go on from: mini, or a denoiser's file")
    command = commands.add_parser("evaluate", help="measure prompts and cues, write figures and a contact sheet")
    command.add_argument("--folder", default="mini", help="folder with the three networks, or mini")
    command.add_argument("--out", type=Path, required=True, help="folder for evaluation.json and evaluation.png")
    command.add_argument("--count", type=int, help="prompts")
    command.add_argument("--steps", type=int, help="sampling steps")
    command.add_argument("--guidance", type=float, help="guidance scale")
    command.add_argument("--seed", type=int, help="of prompts and noise")
    options = {key: value for key, value in vars(parser.parse_args()).items() if value is not None}
    run = _module(options.pop("command"))
    run(**options)


def _module(name: str):
    if name == "vae":
        from .vae import main
    elif name == "clip":
        from .clip import main
    elif name == "denoiser":
        from .denoiser import main
    else:
        from .evaluate import main
    return main


if __name__ == "__main__":
    main()
