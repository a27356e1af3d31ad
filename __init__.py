"""HiGen for ComfyUI: the entry of the node pack. Nothing is imported before ComfyUI asks for the nodes."""

WEB_DIRECTORY = "./nodes/web"


async def comfy_entrypoint():
    """What ComfyUI calls after loading this file; the nodes are registered by the extension it returns."""
    from .nodes import HiGenExtension

    return HiGenExtension()
