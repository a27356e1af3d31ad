"""Mutated API prompts through a server: each gives a clear error or a right run, and the server lives."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from ...comfyui.server import ComfyServer, PromptRejectedError
from ..prompts import any_prompt
from ..table import Row

VALUES = (
    None,
    True,
    -1,
    0,
    1,
    10**6,
    2**63,
    -(2**63),
    1e38,
    0.1,
    "nan",
    "inf",
    "",
    "x" * 5000,
    "../../x",
    [],
    {},
    [[]],
)
VALUES += (["99", 0], ["1", 99], ["1", -1], ["1"], [1, 0], {"a": 1}, "\0", "%date:%", '{"points": []}', "[" * 5000)
SECONDS = 300


def campaign(folder: Path, number: int, seed: int = 0) -> list[Row]:
    """`number` mutated prompts in one server."""
    with ComfyServer(folder) as server:
        return rows_of(server, number, seed)


def rows_of(server: ComfyServer, number: int, seed: int = 0) -> list[Row]:
    """`number` mutated prompts in a server, and a valid one."""
    row = Row("hostile", "mutated prompts through a server, which then runs a valid one")
    rng = random.Random(seed)
    info = server.object_info()
    for _ in range(number):
        prompt = any_prompt(rng)
        what, names = mutate(prompt, rng, info)
        row.count(problem_of(server, prompt, what, names))
    run = server.run(any_prompt(rng))
    row.count("" if run.ending == "success" else f"afterwards a valid run ended with {run.ending}: {run.error}")
    return [row]


def mutate(prompt: dict, rng: random.Random, info: dict) -> tuple[str, list[str]]:
    """Changes an input of one of this pack's nodes in place. Returns what was changed, and names for its error.

    Links to outputs that do not exist, and in circles, come from no editor and never reach a node: it is ComfyUI that
    rejects them, in any words.
    """
    key = rng.choice([key for key, node in prompt.items() if node["class_type"].startswith("HiGen")])
    node = prompt[key]
    inputs = info[node["class_type"]]["input"]
    name = rng.choice([*inputs["required"], *inputs.get("optional", {})])
    mutation: Callable = rng.choice((replaced, replaced, linked, removed))
    value = mutation(prompt, rng, node["inputs"], name)
    text = f"{node['class_type']}.{name} {mutation.__name__} {json.dumps(value, default=str)[:80]}"
    return text, [name if is_possible(value, key, prompt, info) else ""]


def is_possible(value: Any, key: str, prompt: dict, info: dict) -> bool:
    """Whether a value, if it is a link, leads to an output of a node before node `key`."""
    if not (isinstance(value, list) and len(value) == 2):
        return True
    origin, slot = value
    if not isinstance(origin, str) or origin not in prompt or int(origin) >= int(key):
        return False
    return 0 <= slot < len(info[prompt[origin]["class_type"]]["output"])


def replaced(prompt: dict, rng: random.Random, inputs: dict, name: str) -> Any:
    inputs[name] = rng.choice(VALUES)
    return inputs[name]


def linked(prompt: dict, rng: random.Random, inputs: dict, name: str) -> Any:
    """A link to another node, also to itself and in circles."""
    inputs[name] = [rng.choice(sorted(prompt)), rng.randrange(3)]
    return inputs[name]


def removed(prompt: dict, rng: random.Random, inputs: dict, name: str) -> Any:
    return inputs.pop(name, None)


def problem_of(server: ComfyServer, prompt: dict, what: str, names: list[str]) -> str:
    """What is wrong with how a hostile prompt ends; empty if nothing."""
    try:
        run = server.run(prompt, seconds=SECONDS)
    except PromptRejectedError as error:
        return "" if any(name in str(error) for name in names) else f"{what}: {str(error)[:300]}"
    except requests.HTTPError as error:
        return f"{what}: {error}"
    except TimeoutError:
        server.interrupt()
        return f"{what}: it did not end within {SECONDS} s"
    if run.ending == "success" or any(name in run.error for name in names):
        return ""
    return f"{what}: {run.ending} {run.error[:300]}"
