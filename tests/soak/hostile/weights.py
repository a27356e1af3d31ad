"""Files of weights: flipped and cut bytes, headers that lie, strange metadata, bombs of zip and JSON, other content."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.weights.checkpoint import MINI_DIR
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.models.text_encoder import load_text_encoder
from higen_pack.nodes.models.vae import load_vae
from hypothesis import strategies as st
from safetensors.torch import load_file

from . import values
from .verdict import Case

LOADERS: dict[str, Callable[[str], Any]] = {
    "denoiser": lambda path: load_model(path, "fp32").model.diffusion_model,
    "vae": lambda path: load_vae(path).first_stage_model,
    "clip": lambda path: load_text_encoder(path).cond_stage_model,
    "image tower": hg.load_clip,
}
HUGE = (-1, 0, 1, 2**31, 2**40, 2**62, 2**63 - 1)
METADATA = (
    "config",
    "frames",
    "fps",
    "vocabulary",
    "prompts",
    "sampling",
    "noise_correlation",
    "rgb_factors",
    "pictures",
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
change = st.tuples(st.sampled_from(("flip", "cut", "zeros", "insert")), st.floats(0, 1), st.integers(1, 255))
changes = st.lists(change, min_size=1, max_size=4)


def mutated(content: bytes, steps: list[tuple[str, float, int]], within: int = 0) -> bytes:
    """Bytes after some changes, each at a fraction of the first `within` bytes (0: of all)."""
    data = bytearray(content)
    for kind, position, value in steps:
        at = int(position * (min(within or len(data), len(data)) - 1)) if data else 0
        if kind == "flip" and data:
            data[at] ^= value
        elif kind == "cut":
            del data[at:]
        elif kind == "zeros":
            data[at : at + 50 * value] = bytes(len(data[at : at + 50 * value]))
        else:
            data[at:at] = bytes([value]) * value
    return bytes(data)


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Any, data: bytes, lie: int | None = None) -> bytes:
    """A safetensors file; `lie` is the stated length of the header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if lie is None else lie % 2**64) + text + data


@st.composite
def lying_headers(draw: st.DrawFn, content: bytes) -> bytes:
    """A file whose header states other sizes, types, places or lengths than there are."""
    header, data = split(content)
    name = draw(st.sampled_from([key for key in header if key != "__metadata__"]))
    entry = header[name]
    kind = draw(st.sampled_from(("shape", "dtype", "offsets", "length", "name", "json")))
    if kind == "shape":
        entry["shape"] = draw(st.lists(st.sampled_from(HUGE), max_size=5) | json_values)
    elif kind == "dtype":
        entry["dtype"] = draw(st.sampled_from(("F64", "I8", "BOOL", "F8_E4M3", "X", 7, None)))
    elif kind == "offsets":
        entry["data_offsets"] = draw(st.lists(st.sampled_from((*HUGE, len(data))), min_size=1, max_size=3))
    elif kind == "name":
        header[draw(st.text(max_size=5))] = header.pop(name)
    elif kind == "json":
        return joined(draw(st.sampled_from((b"{" * 100_000, b'{"a":' * 50_000, b"{}", b"[]", b"{\xff}"))), data)
    return joined(header, data, draw(st.sampled_from(HUGE)) if kind == "length" else None)


@st.composite
def strange_metadata(draw: st.DrawFn, content: bytes) -> bytes:
    """A file with other values in its metadata, also deep in those that are objects."""
    header, data = split(content)
    metadata = header.setdefault("__metadata__", {})
    key = draw(st.sampled_from(METADATA))
    value = json.loads(metadata[key]) if key in metadata else None
    if isinstance(value, dict) and value and draw(st.booleans()):
        value[draw(st.sampled_from(sorted(value)))] = draw(json_values | st.sampled_from((0, -1, 10**6, 2**70, 1e300)))
    else:
        value = draw(json_values)
    metadata[key] = draw(st.just(json.dumps(value)) | st.sampled_from(("[" * 100_000, "9" * 10_000, "\0", "{")))
    return joined(header, data)


@st.composite
def other_tensors(draw: st.DrawFn, content: bytes, folder: Path) -> bytes:
    """A file of torch.save: some tensors replaced, nested, of other types; mutated, or a bomb."""
    path = folder / "torch.pth"
    kind = draw(st.sampled_from(("tensors", "mutated", "bomb", "code", "legacy", "objects")))
    if kind == "bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("archive/data.pkl", b"\0" * draw(st.sampled_from((10**6, 3 * 10**8))))
            file.writestr("archive/version", "3")
        return path.read_bytes()
    if kind == "code":
        return pickle.dumps(print)
    source = folder / "source.safetensors"
    source.write_bytes(content)
    tensors: dict[Any, Any] = dict(load_file(source))
    if kind in ("tensors", "objects"):
        name = draw(st.sampled_from(sorted(tensors)))
        odd = st.sampled_from((None, 7, "text", [1], {"a": {"b": 1}}, {"state_dict": 3}))
        tensors[name] = draw(values.tensors() if kind == "tensors" else odd)
        if draw(st.booleans()):
            tensors[draw(st.sampled_from((7, None, ("a",), "x")))] = tensors.pop(name)
    torch.save(
        draw(st.sampled_from((tensors, {"state_dict": tensors}, {"state_dict": None}, list(tensors)))),
        path,
        _use_new_zipfile_serialization=kind != "legacy",
    )
    saved = path.read_bytes()
    return mutated(saved, draw(changes)) if kind in ("mutated", "legacy") else saved


@st.composite
def cases(draw: st.DrawFn, folder: Path) -> Case:
    """A hostile file in the place of one of mini's networks."""
    network = draw(st.sampled_from(sorted(LOADERS)))
    source = draw(st.sampled_from(("denoiser", "vae", "clip"))) if draw(st.integers(0, 9)) == 0 else network
    content = (MINI_DIR / f"{source.replace('image tower', 'clip')}.safetensors").read_bytes()
    kind = draw(st.sampled_from(("bytes", "head", "header", "metadata", "torch")))
    if kind == "bytes":
        hostile = mutated(content, draw(changes))
    elif kind == "head":
        hostile = mutated(content, draw(changes), within=40_000)
    elif kind == "header":
        hostile = draw(lying_headers(content))
    elif kind == "metadata":
        hostile = draw(strange_metadata(content))
    else:
        hostile = draw(other_tensors(content, folder))
    path = folder / f"hostile.{draw(st.sampled_from(('safetensors', 'pth')))}"
    path.write_bytes(hostile)
    return Case(
        f"{network}, {kind} of {source} as {path.suffix}", (path.name,), lambda: LOADERS[network](str(path)), is_finite
    )


def is_finite(network: torch.nn.Module) -> bool:
    """Whether all weights are finite; masks contain infinity."""
    return all(bool(tensor.isfinite().all()) for name, tensor in network.state_dict().items() if "mask" not in name)
