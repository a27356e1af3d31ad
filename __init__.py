"""HiGen for ComfyUI: the entry point of the node pack. The nodes are imported when ComfyUI asks for them."""

WEB_DIRECTORY = "./nodes/web"


async def comfy_entrypoint():
    """Called by ComfyUI after it has loaded this file. Returns the extension with the nodes."""
    from .nodes import HiGenExtension

    return HiGenExtension()
