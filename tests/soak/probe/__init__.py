"""An extension for the server under test: GET /soak/memory tells what its memory is used for."""

import ctypes
import gc

import torch
from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}


@PromptServer.instance.routes.get("/soak/memory")
async def memory(_: web.Request) -> web.Response:
    """MB of live tensors, and their number; the C allocator then gives unused pages back to the system."""
    gc.collect()
    storages = {}
    for value in gc.get_objects():
        if isinstance(value, torch.Tensor):
            storage = value.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return web.json_response({"tensors": len(storages), "tensor_mb": sum(storages.values()) / 2**20})
