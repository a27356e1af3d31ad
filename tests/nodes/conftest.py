"""Makes ComfyUI's modules importable for the tests of the nodes, which run in this process."""

from ..comfyui.inprocess import enter_comfyui

enter_comfyui()
