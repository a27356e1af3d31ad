"""`make demo`: runs workflows/text_to_video.json in a real, headless ComfyUI and prints the video's path last."""

import sys

from tqdm import tqdm

from .paths import BASE, WORKFLOWS
from .server import ComfyServer, stop_on_sigterm
from .workflow import load_prompt


class ProgressBar:
    """A progress bar for each node that reports progress, updated by the events of the websocket."""

    def __init__(self, titles: dict[str, str]):
        self.titles = titles
        self.bar = None

    def __call__(self, kind: str, data: dict) -> None:
        if kind == "executing":
            self.close()
        if kind != "progress":
            return
        if not self.bar:
            self.bar = tqdm(total=data["max"], desc=f"{self.titles[data['node']]:30}", unit="step")
        self.bar.update(data["value"] - self.bar.n)

    def close(self) -> None:
        if self.bar:
            self.bar.close()
        self.bar = None


def saved_files(outputs: dict) -> list[dict]:
    """The files that nodes have saved, {"filename", "subfolder", "type"}, from the outputs of a prompt by node id.

    A file that a node lists under several keys is one entry, the first.
    """
    entries = [entry for node in outputs.values() for values in node.values() for entry in values]
    files = [entry for entry in entries if isinstance(entry, dict) and "filename" in entry]
    return list({(file["type"], file["subfolder"], file["filename"]): file for file in reversed(files)}.values())[::-1]


def main() -> None:
    stop_on_sigterm()
    print("Starting ComfyUI …", flush=True)
    with ComfyServer(BASE) as server:
        info = server.object_info()
        prompt, workflow = load_prompt(WORKFLOWS / "text_to_video.json", info)
        for node in prompt.values():
            if node["class_type"] == "CLIPTextEncode" and node["inputs"]["text"]:
                print(f"Prompt: {node['inputs']['text']!r}")
        bar = ProgressBar({key: info[node["class_type"]]["display_name"] for key, node in prompt.items()})
        run = server.run(prompt, workflow, on_event=bar)
        bar.close()
        if run.ending != "success":
            sys.exit(f"the run ended with {run.ending}: {run.error}\nThe log is {server.log_path}")
        videos = [entry for entry in saved_files(run.outputs) if entry["filename"].endswith(".mp4")]
        if not videos:
            sys.exit(f"the workflow saved no mp4, but {saved_files(run.outputs)}")
        print(server.output_path(videos[-1]))


if __name__ == "__main__":
    main()
