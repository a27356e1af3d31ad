"""One prompt followed over ComfyUI's websocket, from the queue to its end."""

import contextlib
import json
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import websocket

ENDINGS = {"execution_success": "success", "execution_error": "error", "execution_interrupted": "interrupted"}
PREVIEW_IMAGE, PREVIEW_IMAGE_WITH_METADATA = 1, 4  # ComfyUI's binary messages


class Event(NamedTuple):
    """A websocket message and the seconds since the prompt was queued."""

    type: str
    data: dict
    seconds: float


@dataclass
class Run:
    """What happened to a prompt. `ending` is "success", "error" or "interrupted"."""

    prompt_id: str
    ending: str = ""
    events: list[Event] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)  # each a whole JPEG or PNG file
    outputs: dict = field(default_factory=dict)  # node id -> what the node showed
    error: str = ""

    def progress(self, node_id: str) -> list[tuple[int, int]]:
        """(step, steps) of each progress message of a node, in order."""
        return [
            (e.data["value"], e.data["max"]) for e in self.events if e.type == "progress" and e.data["node"] == node_id
        ]


def follow(server, submit: Callable[[], str], seconds: float, on_event: Callable[[str, dict], None] | None) -> Run:
    """Listen from before `submit()` until the prompt ends. Raises TimeoutError after `seconds`."""
    socket = websocket.create_connection(f"ws://{server.address}/ws?clientId={server.client_id}", timeout=30)
    with contextlib.closing(socket):
        run = Run(submit())
        start = time.monotonic()
        for kind, data in messages(server, socket, seconds):
            if data.get("prompt_id", run.prompt_id) != run.prompt_id:
                continue
            run.events.append(Event(kind, data, time.monotonic() - start))
            run.ending = ENDINGS.get(kind, run.ending)
            if kind == "execution_error":
                run.error = f"{data['node_type']}: {data['exception_type']}: {data['exception_message']}"
            if kind == "preview":
                run.previews.append(data["image"])
            if on_event:
                on_event(kind, data)
            if kind == "executing" and data["node"] is None:  # the last message; the history is written before it
                break
    run.outputs = server.history(run.prompt_id)["outputs"]
    return run


def messages(server, socket: websocket.WebSocket, seconds: float) -> Iterator[tuple[str, dict]]:
    """The server's messages as they come. Raises when it stops, or TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    socket.settimeout(2)
    while time.monotonic() < deadline:
        try:
            yield read(socket.recv())
        except websocket.WebSocketTimeoutException:
            server.check_alive()
        except websocket.WebSocketConnectionClosedException:
            time.sleep(1)  # a process that is going down needs a moment to be gone
            server.check_alive()
            raise
    raise TimeoutError(f"the prompt took more than {seconds:.0f} s\n{server.log_tail()}")


def read(message: str | bytes) -> tuple[str, dict]:
    """A websocket message as (type, data); previews get the type "preview"."""
    if isinstance(message, str):
        event = json.loads(message)
        return event["type"], event.get("data") or {}
    (kind,) = struct.unpack(">I", message[:4])
    if kind == PREVIEW_IMAGE:
        return "preview", {"image": message[8:]}
    if kind == PREVIEW_IMAGE_WITH_METADATA:
        (length,) = struct.unpack(">I", message[4:8])
        return "preview", json.loads(message[8 : 8 + length]) | {"image": message[8 + length :]}
    return f"binary {kind}", {}
