"""`python -m higen_core.train.sprites evaluate`: measures whether a denoiser of the emoji data set obeys its inputs."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m higen_core.train.sprites", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("evaluate", help="measure prompts and cues, write figures and a contact sheet")
    command.add_argument("--folder", default="mini", help="folder with the three networks, or mini")
    command.add_argument("--out", type=Path, required=True, help="folder for evaluation.json and evaluation.png")
    command.add_argument("--count", type=int, help="prompts (256)")
    command.add_argument("--steps", type=int, help="sampling steps (12)")
    command.add_argument("--guidance", type=float, help="guidance scale of the spatial stage (3)")
    command.add_argument("--video-guidance", type=float, help="guidance scale of the temporal stage (2)")
    command.add_argument("--sampler", help="ddim or dpmpp_2m (dpmpp_2m)")
    command.add_argument("--seed", type=int, help="of prompts and noise (0)")
    command.add_argument(
        "--baseline",
        help="folder of a denoiser trained with mini_baseline: measure only how the two follow the same prompts",
    )
    options = vars(parser.parse_args())
    options.pop("command")

    from .evaluation.report import main as evaluate

    evaluate(**{key: value for key, value in options.items() if value is not None})


if __name__ == "__main__":
    main()
