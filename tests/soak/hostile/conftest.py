"""Makes ComfyUI's modules importable for hostile inputs in this process."""

from ...comfyui.inprocess import enter_comfyui

enter_comfyui()
