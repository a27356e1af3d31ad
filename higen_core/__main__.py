"""`python -m higen_core convert FILE --dtype bf16`: converts weights to smaller files that load faster."""

from __future__ import annotations

import argparse

from .weights.conversion import DTYPES, convert


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m higen_core", description="Tools for HiGen's weights.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("convert", help="write one safetensors file for each network in a file of weights")
    command.add_argument("file", help="a .pth, .bin, .ckpt or .safetensors file")
    command.add_argument(
        "--dtype", choices=list(DTYPES), default="bf16", help="precision of the result (default: bf16)"
    )
    command.add_argument("--out", metavar="FOLDER", help="where to write (default: the folder of the file)")
    options = parser.parse_args()
    try:
        for path in convert(options.file, options.dtype, options.out):
            print(path)
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
