"""A ComfyUI server in a process of its own, with this pack installed, driven over HTTP and its websocket."""

import json
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import requests

from .paths import FRONTEND, ROOT, comfyui_path, frontend_path
from .run import Run, follow

FOLDERS = ("models", "input", "output", "custom_nodes", "user", "temp")
PACK_FOLDER = "hi-gen.pack"  # not the name of a package: installers choose the name, so nothing may depend on it


class ServerError(RuntimeError):
    """ComfyUI did not start, stopped, or did not answer; the message ends with the last lines of its log."""


class PromptRejectedError(ValueError):
    """ComfyUI's validation rejected a prompt. `errors` is its answer: {"error": {…}, "node_errors": {…}}."""

    def __init__(self, errors: dict):
        super().__init__(json.dumps(errors, indent=1))
        self.errors = errors


class ComfyServer:
    """`with ComfyServer(folder) as server:` runs ComfyUI with its models, input and output under `folder`."""

    def __init__(self, base: Path, port: int = 0, options: tuple[str, ...] = ("--preview-method", "auto")):
        self.base = Path(base).resolve()
        self.port = port or free_port()
        self.options = options
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.log_path = self.base / "comfyui.log"
        self.client_id = uuid.uuid4().hex

    def __enter__(self):
        for folder in FOLDERS:
            (self.base / folder).mkdir(parents=True, exist_ok=True)
        pack = self.base / "custom_nodes" / PACK_FOLDER
        pack.unlink(missing_ok=True)
        pack.symlink_to(ROOT, target_is_directory=True)
        self.process = self.spawn()
        try:
            self.wait_until_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def spawn(self) -> subprocess.Popen:
        command = [sys.executable, "-u", "main.py", "--cpu", "--disable-auto-launch", "--port", str(self.port)]
        command += ["--base-directory", str(self.base), "--database-url", "sqlite:///:memory:", *self.options]
        if folder := frontend_path():
            command += ["--front-end-root", str(folder / FRONTEND / "static")]
        with self.log_path.open("wb") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            return subprocess.Popen(command, cwd=comfyui_path(), **streams)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_until_up(self, seconds: float = 600) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                return requests.get(self.url + "/system_stats", timeout=5).raise_for_status()
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.25)
        raise ServerError(f"ComfyUI did not answer within {seconds:.0f} s\n{self.log_tail()}")

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            raise ServerError(f"ComfyUI stopped with exit code {self.process.returncode}\n{self.log_tail()}")

    def log(self) -> str:
        """What ComfyUI has printed so far."""
        return self.log_path.read_text(errors="replace")

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def get(self, path: str, **query) -> requests.Response:
        self.check_alive()
        response = requests.get(self.url + path, params=query, timeout=60)
        response.raise_for_status()
        return response

    def post(self, path: str, **request) -> requests.Response:
        self.check_alive()
        return requests.post(self.url + path, timeout=60, **request)

    def object_info(self) -> dict:
        """The schemas of all nodes by node id, as the graph editor gets them."""
        return self.get("/object_info").json()

    def submit(self, prompt: dict, workflow: dict | None = None) -> str:
        """Queues an API prompt, with the workflow for the metadata of saved files. Returns the id of the prompt."""
        extra = {"extra_pnginfo": {"workflow": workflow}} if workflow else {}
        answer = self.post("/prompt", json={"prompt": prompt, "client_id": self.client_id, "extra_data": extra})
        if answer.status_code != 400:
            answer.raise_for_status()
        return self.accepted(answer.json())

    def accepted(self, answer: dict) -> str:
        """The id of the prompt from the answer of /prompt.

        ComfyUI drops only the outputs that depend on an invalid input and runs the others; here the whole prompt is
        rejected.

        Raises:
            PromptRejectedError: an input is invalid.
        """
        if answer.get("error") or answer["node_errors"]:
            if "prompt_id" in answer:
                self.post("/queue", json={"delete": [answer["prompt_id"]]}).raise_for_status()
                self.post("/interrupt", json={"prompt_id": answer["prompt_id"]}).raise_for_status()
            raise PromptRejectedError(answer)
        return answer["prompt_id"]

    def run(self, prompt: dict, workflow: dict | None = None, seconds: float = 600, on_event=None) -> Run:
        """Queues a prompt and follows it to its end. `on_event(type, data)` is called for each websocket event."""
        return follow(self, lambda: self.submit(prompt, workflow), seconds, on_event)

    def history(self, prompt_id: str) -> dict:
        """The record of a prompt: its "outputs" by node id and its "status"."""
        return self.get(f"/history/{prompt_id}").json()[prompt_id]

    def interrupt(self) -> None:
        self.post("/interrupt", json={}).raise_for_status()

    def upload(self, path: Path) -> str:
        """Copies a file to ComfyUI's input folder. Returns its name for Load Image and similar nodes."""
        with Path(path).open("rb") as file:
            answer = self.post("/upload/image", files={"image": file}, data={"overwrite": "true"})
        answer.raise_for_status()
        return answer.json()["name"]

    def output_path(self, saved: dict) -> Path:
        """The path of a file in a node's outputs: {"filename", "subfolder", "type"}."""
        return self.base / saved["type"] / saved["subfolder"] / saved["filename"]


def stop_on_sigterm() -> None:
    """Turns SIGTERM into SystemExit, so that context managers stop the server with this process."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
