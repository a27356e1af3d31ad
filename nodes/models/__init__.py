"""What HiGen Loader loads: model files as ComfyUI's objects, and the search for them in ComfyUI's folders."""
