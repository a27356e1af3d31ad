"""The Python example of the README runs as it is printed there."""

import os
import re
import subprocess
import sys

from ..comfyui.paths import ROOT

CHECK = """
import runpy, sys
frames = runpy.run_path(sys.argv[1])["frames"]
pixels = frames.numpy()
assert pixels.shape == (1, 16, 64, 64, 3), pixels.shape
assert 0 <= pixels.min() < pixels.max() <= 1, (pixels.min(), pixels.max())
"""


def code_of_section(heading):
    """The Python code blocks of a section of the README, in one text."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^(#+) {heading}$(.*?)(?=^#{{1,2}} |\Z)", readme, re.MULTILINE | re.DOTALL)
    assert section, f"README.md has no section {heading!r}"
    blocks = re.findall(r"^```python\n(.*?)^```$", section[2], re.MULTILINE | re.DOTALL)
    assert blocks, f"the section {heading!r} has no Python code"
    return "".join(blocks)


def test_the_python_example_makes_a_video(tmp_path):
    (tmp_path / "example.py").write_text(code_of_section("From Python"), encoding="utf-8")
    command = [sys.executable, "-c", CHECK, "example.py"]
    result = subprocess.run(  # noqa: S603
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
