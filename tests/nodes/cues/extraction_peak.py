"""`python -m tests.nodes.cues.extraction_peak SOURCE FRAMES SIZE` extracts the cues of a clip in a process of its own.

SOURCE is "images", which are in memory, or "file". It prints, as JSON, the bytes of the frames and the resident memory
at the peak above that before there were any.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch

from ...benchmarks.process import peak, reset_peak
from ...core import videos


def main(kind: str, count: int, size: int) -> None:
    from ...soak.hostile.process import enter_pack

    enter_pack()
    from comfy_api.latest import InputImpl
    from higen_pack.nodes.cue_extractor import HiGenCueExtractor
    from higen_pack.nodes.loader import HiGenLoader
    from higen_pack.nodes.models.folders import AUTO, MINI, register_model_folder

    widgets = {
        entry.id: entry.default
        for entry in HiGenCueExtractor.define_schema().inputs
        if entry.id not in ("model", "images", "video", "clip_vision")
    }
    register_model_folder()
    model = HiGenLoader.execute(MINI, AUTO, AUTO, "fp32")[0]
    extract = lambda **inputs: HiGenCueExtractor.execute(**(widgets | inputs), model=model)  # noqa: E731
    extract(images=torch.zeros(4, size, size, 3), frames=4)  # loads what is needed
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        if kind == "file":
            videos.repeat(videos.write(Path(folder, "part.mp4"), torch.zeros(16, size, size, 3)), path, count // 16)
        reset_peak()
        before = peak()
        if kind == "file":
            extract(video=InputImpl.VideoFromFile(str(path)), frames=count)
        else:
            extract(images=torch.full((count, size, size, 3), 0.5), frames=count)
    print(json.dumps({"frames": count * size * size * 3 * 4, "peak": peak() - before}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
