"""Trains a network of HiGen, or fine-tunes one on your videos. See README.md beside this file.

`python -m higen_core.train denoiser --help` lists the options of that training. A data set may have options of its own:
`python -m higen_core.train denoiser --data NAME --help` lists them.
"""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence

import torch

from .checkpoint import resumed_changes
from .config import CLIPTraining, DenoiserTraining, LoopConfig, Preparation, VAETraining
from .data.registry import Training, plugin
from .distillation.config import DistillTraining
from .lora.config import LoraTraining
from .options import add_config_flag, add_flags, read_config, read_toml

PACKAGE = (__package__ or "").rpartition(".")[0]
"""higen_core, or what it is called inside ComfyUI."""

TRAININGS = {
    "vae": Training(VAETraining, ".vae:main", "train the autoencoder"),
    "clip": Training(CLIPTraining, ".clip:main", "train the text and image towers"),
    "denoiser": Training(
        DenoiserTraining,
        ".denoiser:main",
        "train the denoiser, from weights or from scratch",
        ".memory.steps:denoiser",
    ),
    "lora": Training(LoraTraining, ".training:main", "train a LoRA of a denoiser, for one card", "..memory.steps:lora"),
    "distill": Training(DistillTraining, ".student:main", "make a denoiser fast: few steps, one evaluation each"),
    "prepare": Training(Preparation, ".preparation.command:main", "turn videos into shards, here or on a cluster"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m higen_core.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    try:
        trainings = _trainings(arguments)
        for name, training in trainings.items():
            about = training.config.__doc__
            usage = f"{parser.prog} {name} [--config FILE] --data DATA --out FOLDER [options]"
            command = commands.add_parser(name, usage=usage, help=training.help, description=about, allow_abbrev=False)
            add_flags(command, training.config)
            if training.forecast:
                command.add_argument("--dry-run", action="store_true", help="only print the memory that it will need")
        options = vars(parser.parse_args(arguments))
        training, dry = trainings[options.pop("command")], options.pop("dry_run", False)
        config = read_config(training.config, options.pop("config"), options)
        if isinstance(config, LoopConfig):
            resumed_changes(config)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    torch.backends.cuda.matmul.allow_tf32 = True  # as convolutions do; a host decides for itself
    try:
        training.show_forecast(config) if dry else training.run(config)
    except Exception as error:
        status, message = _explained(error)
        if status is None:
            raise
        parser.exit(status, f"{parser.prog}: error: {message}\n")


def _explained(error: Exception) -> tuple[int | None, str]:
    """The exit code of an error whose message is all that the user needs, and the message.

    2 is for what the user has to change, 1 for a run that failed, None for faults of the program, which keep their
    traceback. A ValueError is the user's if this package raised it: its checks name the input, those of others do not.
    """
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith(PACKAGE):
        if "pip install" in str(error):
            return 2, str(error)
        return 2, f"the package {error.name} is missing: README.md of the training says what to install"
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | PermissionError):
        return 2, str(error)
    if isinstance(error, OSError | FloatingPointError):
        return 1, str(error)
    *_, (raised_in, _) = traceback.walk_tb(error.__traceback__)
    own = raised_in.f_globals.get("__name__", "").startswith(PACKAGE)
    return 2 if isinstance(error, ValueError) and own else None, str(error)


def _trainings(arguments: Sequence[str] | None) -> dict[str, Training]:
    """The trainings of the data set that the arguments name, in --data or in the file of --config."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_config_flag(parser)
    parser.add_argument("--data")
    options, _ = parser.parse_known_args(arguments)
    data = options.data or (read_toml(options.config).get("data") if options.config else None)
    package = plugin(data) if isinstance(data, str) else None
    return package.TRAININGS if package else TRAININGS


if __name__ == "__main__":
    main()
