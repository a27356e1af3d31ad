"""Importing the core is light, and ComfyUI has no part in it."""

import re
import subprocess
import sys

from ..comfyui.paths import ROOT

HEAVY = ("open_clip", "kornia", "matplotlib", "transformers", "accelerate", "av", "PIL", "torchvision")


def test_nothing_heavy_and_nothing_of_comfyui_is_imported():
    code = f"import sys, torch, numpy, einops; before = set(sys.modules); sys.path.insert(0, {str(ROOT)!r}); " + (
        "import higen_core; print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    new = set(out.stdout.split())
    assert "higen_core" in new
    assert not new & {*HEAVY, "comfy", "folder_paths"}


def test_no_file_of_the_core_names_comfy():
    for path in (ROOT / "higen_core").rglob("*.py"):
        assert not re.search(r"^\s*(import|from)\s+comfy", path.read_text(), re.M), path
