"""`python -m higen_core.train.sprites evaluate`: measures whether a denoiser of the emoji data set obeys its inputs.

`calibrate` measures how much moves at each motion cue, `match` how closely curves are followed, and `accelerate` fits
schedules of few evaluations. `lora-clips` and `lora-evaluate` are for the two LoRAs that teach mini something.
"""

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
    command.add_argument("--lora", type=Path, help="of the denoiser of the videos, such as a distilled one")
    command.add_argument("--video-steps", type=int, help="sampling steps of the temporal stage, if other than --steps")
    command.add_argument("--video-sampler", help="of the temporal stage, if other than --sampler")
    command.add_argument("--appearance-guidance", type=float, help="on the appearance cue (that of the weights)")
    command.add_argument("--seed", type=int, help="of prompts and noise (0)")
    command.add_argument(
        "--baseline",
        help="folder of a denoiser trained with mini_baseline: measure only how the two follow the same prompts",
    )
    command = commands.add_parser("calibrate", help="measure the response to motion cues and store it with the weights")
    command.add_argument("--folder", default="mini", help="folder with the three networks, or mini")
    command.add_argument("--out", type=Path, required=True, help="folder for motion_response.json")
    command.add_argument("--count", type=int, help="prompts (8)")
    command.add_argument("--seed", type=int, help="of prompts and noise (0)")
    command = commands.add_parser("match", help="measure how far motion misses curves, also after rounds of matching")
    command.add_argument("--folder", default="mini", help="folder with the three networks, or mini")
    command.add_argument("--out", type=Path, required=True, help="folder for matching.json")
    command.add_argument("--count", type=int, help="prompts (4)")
    command.add_argument("--rounds", type=int, help="rounds of matching (3)")
    command.add_argument("--seed", type=int, help="of prompts and noise (0)")
    command.add_argument("--videos", type=Path, nargs="+", help="videos whose motion is asked for too")
    command = commands.add_parser("accelerate", help="fit schedules of few evaluations and store them with the weights")
    command.add_argument("--folder", default="mini", help="folder with the three networks, or mini")
    command.add_argument("--out", type=Path, required=True, help="folder for schedules.json")
    command.add_argument("--count", type=int, help="videos to fit to (24)")
    command.add_argument("--evaluations", type=int, nargs="+", help="other numbers of evaluations to fit schedules for")
    command.add_argument("--seed", type=int, help="of prompts and noise (0)")
    command = commands.add_parser("lora-clips", help="write the clips of a LoRA: a new path, or a new object")
    command.add_argument("--kind", choices=("zigzag", "heart"), required=True, help="what is new in the clips")
    command.add_argument("--out", type=Path, required=True, help="folder for the videos and their captions")
    command.add_argument("--count", type=int, help="clips (20)")
    command.add_argument("--known", type=int, help="more clips, of objects that mini knows, so that it keeps them (0)")
    command.add_argument("--seed", type=int, help="of the scenes (0)")
    command = commands.add_parser("lora-evaluate", help="measure mini without and with the two LoRAs, write a gallery")
    command.add_argument("--motion", type=Path, required=True, help="LoRA of the zigzag")
    command.add_argument("--appearance", type=Path, required=True, help="LoRA of the heart")
    command.add_argument("--appearance-strength", type=float, help="of the LoRA of the heart (1)")
    command.add_argument("--out", type=Path, required=True, help="folder for lora.json and gallery.webp")
    command.add_argument("--count", type=int, help="prompts (32)")
    command.add_argument("--seed", type=int, help="of prompts and noise (0)")
    options = vars(parser.parse_args())

    from .evaluation import motion, report, schedules
    from .lora import clips, evaluation

    run = {
        "evaluate": report.main,
        "calibrate": motion.calibrate,
        "match": motion.match,
        "accelerate": schedules.accelerate,
        "lora-clips": clips.write_clips,
        "lora-evaluate": evaluation.evaluate,
    }[options.pop("command")]
    run(**{key: value for key, value in options.items() if value is not None})


if __name__ == "__main__":
    main()
