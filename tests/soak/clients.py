"""Several clients that queue at once in one server: each gets the results of its own prompts, and no others."""

from __future__ import annotations

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import websocket

from ..comfyui.demo import saved_files
from ..comfyui.run import messages
from ..comfyui.server import ComfyServer
from ..comfyui.workflow import with_inputs
from .prompts import any_prompt
from .table import Row

CLIENTS = 4
SECONDS = 3600


def campaign(folder: Path, number: int, seed: int = 0) -> list[Row]:
    """`number` prompts of each of CLIENTS clients, all queued at once."""
    with ComfyServer(folder) as server:
        return rows_of(server, number, seed)


def rows_of(server: ComfyServer, number: int, seed: int = 0) -> list[Row]:
    """`number` prompts of each client, in a server."""
    row = Row("clients", f"{CLIENTS} clients that queue at once: results reach the one who asked")
    with ThreadPoolExecutor(CLIENTS) as pool:
        rngs = [random.Random(seed + i) for i in range(CLIENTS)]
        results = pool.map(lambda i: problems_of(server, f"client{i}", rngs[i], number), range(CLIENTS))
        for problem in (problem for problems in results for problem in problems):
            row.count(problem)
    return [row]


def problems_of(server: ComfyServer, name: str, rng: random.Random, number: int) -> list[str]:
    """Queues prompts as one client. Returns what is wrong with each; empty where nothing is."""
    client_id = uuid4().hex
    socket = websocket.create_connection(f"ws://{server.address}/ws?clientId={client_id}", timeout=30)
    with contextlib.closing(socket):
        own = [submit(server, client_id, name, rng) for _ in range(number)]
        heard: dict[str, dict] = {prompt_id: {} for prompt_id in own}
        running = set(own)
        strangers = set()
        for kind, data in messages(server, socket, SECONDS):
            prompt_id = data.get("prompt_id")
            if prompt_id and prompt_id not in heard:
                strangers.add(prompt_id)
            elif kind == "executed":
                heard[prompt_id][data["node"]] = data["output"]
            elif kind == "executing" and data["node"] is None:
                running.discard(prompt_id)
                if not running:
                    break
    problems = [problem_of(server, name, prompt_id, heard[prompt_id]) for prompt_id in own]
    return problems + [f"{name} received messages of the prompt {stranger} of another client" for stranger in strangers]


def submit(server: ComfyServer, client_id: str, name: str, rng: random.Random) -> str:
    """Queues a random prompt that saves below the folder of a client."""
    prompt = with_inputs(any_prompt(rng), "HiGenVideoCombine", filename_prefix=f"{name}/video")
    return server.accepted(server.post("/prompt", json={"prompt": prompt, "client_id": client_id}).json())


def problem_of(server: ComfyServer, name: str, prompt_id: str, heard: dict) -> str:
    """What is wrong with a run: it failed, saved for another client, or its results were not sent."""
    history = server.history(prompt_id)
    if history["status"]["status_str"] != "success":
        return f"{name}: {history['status']}"
    files = saved_files(heard)
    if not files or any(entry["subfolder"] != name for entry in files):
        return f"{name}: received {files}"
    return "" if history["outputs"] == heard else f"{name}: received other results than the history has"
