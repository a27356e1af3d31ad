"""What the tests know of the differences between ComfyUI 0.3.75, which `make setup` fetches, and later versions."""

import runpy

import pytest

from .paths import comfyui_path


def comfyui_version() -> tuple[int, ...]:
    """The version of the ComfyUI under test, such as (0, 3, 75)."""
    text = runpy.run_path(str(comfyui_path() / "comfyui_version.py"))["__version__"]
    return tuple(int(number) for number in text.split("."))


VERSION = comfyui_version()
OLDEST = (0, 3, 75)

AUTO_CODEC = "auto" if VERSION == OLDEST else None
"""Save Video's `codec` that leaves the choice to ComfyUI. Later versions take {"codec": name, …}, or nothing."""


def needs(owner: type, method: str) -> pytest.MarkDecorator:
    """Skips a test where ComfyUI does not have a method yet."""
    version = ".".join(map(str, VERSION))
    return pytest.mark.skipif(not hasattr(owner, method), reason=f"ComfyUI {version} has no {owner.__name__}.{method}")


HAS_PANELS = pytest.mark.skipif(VERSION == OLDEST, reason="frontend 1.32 has no side panel and no app mode")
"""For tests of the side panel that shows the widgets of the selected node, and of the app mode."""

NODES_SCROLL_WITH_FOCUS = VERSION > OLDEST
"""Whether the wheel scrolls a text on a node of Nodes 2.0 only after a click; otherwise it zooms the canvas."""
