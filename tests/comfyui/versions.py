"""What the tests know of the differences between ComfyUI 0.3.75, which `make setup` fetches, and later versions.

The frontend counts apart, since a newer one runs on an older server too.
"""

import runpy
from importlib.metadata import distributions

import pytest

from .paths import FRONTEND, comfyui_path, frontend_path


def comfyui_version() -> tuple[int, ...]:
    """The version of the ComfyUI under test, such as (0, 3, 75)."""
    text = runpy.run_path(str(comfyui_path() / "comfyui_version.py"))["__version__"]
    return numbers(text)


def frontend_version() -> tuple[int, ...]:
    """The version of the frontend under test, such as (1, 32, 9)."""
    folder = frontend_path()
    found = distributions(name=FRONTEND, path=[str(folder)]) if folder else distributions(name=FRONTEND)
    return numbers(next(iter(found)).version)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


VERSION = comfyui_version()
OLDEST = (0, 3, 75)
FRONTEND_VERSION = frontend_version()
OLD_FRONTEND = FRONTEND_VERSION < (1, 33)  # of ComfyUI 0.3.75; later tests were made with 1.49 and 1.58

AUTO_CODEC = "auto" if VERSION == OLDEST else None
"""Save Video's `codec` that leaves the choice to ComfyUI. Later versions take {"codec": name, …}, or nothing."""


def needs(owner: type, method: str) -> pytest.MarkDecorator:
    """Skips a test where ComfyUI does not have a method yet."""
    version = ".".join(map(str, VERSION))
    return pytest.mark.skipif(not hasattr(owner, method), reason=f"ComfyUI {version} has no {owner.__name__}.{method}")


HAS_PANELS = pytest.mark.skipif(OLD_FRONTEND, reason="frontend 1.32 has no side panel and no app mode")
"""For tests of the side panel that shows the widgets of the selected node, and of the app mode."""

NODES_SCROLL_WITH_FOCUS = not OLD_FRONTEND
"""Whether the wheel scrolls a text on a node of Nodes 2.0 only after a click; otherwise it zooms the canvas."""

ADVANCED_ARE_FOLDED = not OLD_FRONTEND
"""Whether the page shows advanced inputs only after a click."""
