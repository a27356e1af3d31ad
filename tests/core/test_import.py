"""Importing the core is fast and does not import ComfyUI."""

import re
import subprocess
import sys

from ..comfyui.paths import ROOT

SLOW_IMPORTS = ("open_clip", "kornia", "matplotlib", "transformers", "accelerate", "av", "PIL", "torchvision")


def test_importing_the_core_imports_no_slow_package_and_no_comfyui():
    code = f"import sys, torch, numpy, einops; before = set(sys.modules); sys.path.insert(0, {str(ROOT)!r}); " + (
        "import higen_core; print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    imported = set(result.stdout.split())
    assert "higen_core" in imported
    assert not imported & {*SLOW_IMPORTS, "comfy", "folder_paths"}


def test_no_file_of_the_core_imports_comfy():
    for path in (ROOT / "higen_core").rglob("*.py"):
        assert not re.search(r"^\s*(import|from)\s+comfy", path.read_text(), re.M), path
