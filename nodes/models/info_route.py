"""GET /higen/model_info, with which the graph editor shows what the inputs that are left to the model stand for."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from ...higen_core.cues.response import motion_reach
from ...higen_core.weights.checkpoint import read_info
from .auto_select import weights_path
from .folders import MINI

ROUTE = "/higen/model_info"


def register_route() -> None:
    """Adds the route to ComfyUI's server, if one is running."""
    from aiohttp import web
    from server import PromptServer  # not importable outside a running ComfyUI

    server = getattr(PromptServer, "instance", None)
    if server is None or any(getattr(route, "path", "") == ROUTE for route in server.routes):
        return

    @server.routes.get(ROUTE)
    async def model_info(request: web.Request) -> web.Response:
        """The info of the weights that are named as in HiGen Loader; 404 with the reason if they cannot be read."""
        try:
            return web.json_response(await asyncio.to_thread(info_of, request.query.get("weights", "")))
        except (OSError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=404)


def info_of(weights: str) -> dict[str, Any]:
    """What the weights were trained on and how they are best sampled, for a choice of the loader's input `weights`."""
    path = weights_path(weights)
    return _read(path, 0.0 if weights == MINI else os.path.getmtime(path))


@lru_cache(maxsize=16)
def _read(path: str, _modified: float) -> dict[str, Any]:
    info = read_info(path)
    names = ("frames", "fps", "width", "height", "vocabulary")
    parts = {"sampling": asdict(info.sampling), "prompts": asdict(info.prompts)}
    return {name: getattr(info, name) for name in names} | parts | {"motion_reach": motion_reach(info)}
