"""Node tests run with ComfyUI's own modules in this process: `import comfy`, `from higen_pack.nodes import video`."""

from ..comfyui.inprocess import enter_comfyui

enter_comfyui()
