"""What the graph editor asks of weights before a run.

GET /higen/model_info: what the inputs that are left to the model stand for, and the words that it knows.
POST /higen/prompt_notes: what to warn of in a prompt.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from ... import higen_core as hg
from ...higen_core.cues.response import motion_reach
from ...higen_core.weights.checkpoint import read_info
from .auto_select import weights_path
from .folders import MINI
from .prompt_notes import prompt_notes

INFO_ROUTE = "/higen/model_info"
PROMPT_ROUTE = "/higen/prompt_notes"
LONGEST_PROMPT = 100_000  # characters
EXPECTED = f'expected {{"weights": name, "text": prompt of at most {LONGEST_PROMPT:,} characters}}'


def register_routes() -> None:
    """Adds the routes to ComfyUI's server, if one is running."""
    from aiohttp import web
    from server import PromptServer  # not importable outside a running ComfyUI

    server = getattr(PromptServer, "instance", None)
    if server is None or any(getattr(route, "path", "") == INFO_ROUTE for route in server.routes):
        return

    @server.routes.get(INFO_ROUTE)
    async def model_info(request: web.Request) -> web.Response:
        """The info of the weights that are named as in HiGen Loader; 404 with the reason if they cannot be read."""
        try:
            return web.json_response(await asyncio.to_thread(info_of, request.query.get("weights", "")))
        except (OSError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=404)

    @server.routes.post(PROMPT_ROUTE)
    async def notes(request: web.Request) -> web.Response:
        """`prompt_notes` of {"weights": as in HiGen Loader, "text": the prompt}; 400 for another body, 404 as above."""
        try:
            question = json.loads(await request.text())
            weights, text = question["weights"], question["text"]
            if not isinstance(weights, str) or not isinstance(text, str) or len(text) > LONGEST_PROMPT:
                raise ValueError
        except (ValueError, TypeError, KeyError, RecursionError):
            return web.json_response({"error": EXPECTED}, status=400)
        try:
            return web.json_response(await asyncio.to_thread(notes_of, weights, text))
        except (OSError, ValueError, RecursionError) as error:  # the last of ComfyUI, for parentheses in parentheses
            return web.json_response({"error": str(error)}, status=404)


def info_of(weights: str) -> dict[str, Any]:
    """What the weights were trained on and how they are best sampled, for a choice of the loader's input `weights`."""
    info = _info(weights)
    names = ("frames", "fps", "width", "height", "vocabulary", "motion_scale")
    parts = {"sampling": asdict(info.sampling), "prompts": asdict(info.prompts)}
    return {name: getattr(info, name) for name in names} | parts | {"motion_reach": motion_reach(info)}


def notes_of(weights: str, text: str) -> dict[str, list]:
    """What to warn of in a prompt for a choice of the loader's input `weights`."""
    return prompt_notes(_info(weights), text)


def _info(weights: str) -> hg.ModelInfo:
    path = weights_path(weights)
    return _read(path, 0.0 if weights == MINI else os.path.getmtime(path))


@lru_cache(maxsize=16)
def _read(path: str, _modified: float) -> hg.ModelInfo:
    return read_info(path)
