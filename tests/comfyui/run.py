"""Follows a prompt over ComfyUI's websocket, from the queue to its end."""

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
    """The course of a prompt.

    Attributes:
        prompt_id: its id.
        ending: "success", "error" or "interrupted".
        events: all messages, in order.
        previews: complete JPEG or PNG files.
        outputs: ui output by node id.
        error: node type, exception type and message; "" without an error.
    """

    prompt_id: str
    ending: str = ""
    events: list[Event] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)
    outputs: dict = field(default_factory=dict)
    error: str = ""

    def progress(self, node_id: str) -> list[tuple[int, int]]:
        """(step, steps) of each progress message of a node, in order."""
        return [
            (e.data["value"], e.data["max"]) for e in self.events if e.type == "progress" and e.data["node"] == node_id
        ]


def follow(server, submit: Callable[[], str], seconds: float, on_event: Callable[[str, dict], None] | None) -> Run:
    """Connects, calls `submit()`, which returns the id of a prompt, and listens until it ends.

    Raises:
        TimeoutError: it takes more than `seconds`.
    """
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
    """Yields the messages of the server. Raises an error if it stops, and TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    socket.settimeout(2)
    while time.monotonic() < deadline:
        try:
            yield read(socket.recv())
        except websocket.WebSocketTimeoutException:
            server.check_alive()
        except websocket.WebSocketConnectionClosedException:
            time.sleep(1)  # a process that stops needs a moment
            server.check_alive()
            raise
    raise TimeoutError(f"the prompt took more than {seconds:.0f} s\n{server.log_tail()}")


def read(message: str | bytes) -> tuple[str, dict]:
    """Type and data of a websocket message; the type of previews is "preview"."""
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
