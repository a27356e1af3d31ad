"""Shards made on a Ray cluster, by Ray Data: the parts of a data set are its rows, and each worker makes whole shards.

What a part becomes depends on the part alone, and its manifest is written last: Ray may run a part again on another
machine after a worker or its machine has died, and the result is the same.
"""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..config import Preparation
from ..data.clips import LatentEncoder
from ..data.video_cache import ShardMaker, manifest_path
from ..data.video_index import Part

PACKAGE = Path(__file__).parents[2]


class MakePart:
    """What runs on a worker: it has the networks, and turns the rows of parts into rows that count clips."""

    def __init__(self, maker: ShardMaker, shared: list[Any], gpu: bool):
        """`shared` has the reference to the encoder in Ray's object store."""
        import ray  # pyright: ignore[reportMissingImports]

        encoder: LatentEncoder = ray.get(shared[0])
        device = "cuda" if gpu else "cpu"
        self.maker = maker
        self.encoder = replace(encoder, vae=encoder.vae.to(device), clip=encoder.clip.to(device))

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, list[int]]:
        counts: dict[str, list[int]] = {"number": [], "clips": [], "skipped": []}
        for number, part in zip(rows["number"].tolist(), rows["part"], strict=True):
            manifest = self.maker.make(number, pickle.loads(part), self.encoder)  # noqa: S301 -- made by this program
            for name, value in {
                "number": number,
                "clips": sum(len(entries) for _, entries in manifest.shards),
                "skipped": len(manifest.skipped),
            }.items():
                counts[name].append(value)
        return counts


def make_shards_on_ray(maker: ShardMaker, parts: list[Part], encoder: LatentEncoder, config: Preparation) -> None:
    """Makes the shards that are missing on the cluster at `config.ray`.

    Ray Data hands out parts as workers become free, so that only as many videos are in memory as they decode.

    Raises:
        ValueError: Ray is not installed, there is no such cluster, or not all of its machines can use the same folder.
    """
    ray = _connected(config)
    vae, clip = (copy.deepcopy(network).cpu() for network in (encoder.vae, encoder.clip))
    cpu = replace(encoder, vae=vae, clip=clip)
    missing = maker.missing(parts)
    rows = [{"number": number, "part": pickle.dumps(parts[number])} for number in missing]
    if rows:
        shared = ray.put(cpu)  # kept here, for workers that take the place of dead ones
        made = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            MakePart,
            fn_constructor_args=(maker, [shared], config.ray_gpus > 0),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(config.ray_workers, len(rows))),
            num_cpus=1,
            num_gpus=config.ray_gpus,
        )
        with tqdm(total=len(rows), desc="reading videos", unit="part") as bar:
            clips = 0
            for row in made.iter_rows():
                clips += int(row["clips"])
                bar.update()
                bar.set_postfix(clips=clips)
    if lost := maker.missing(parts):
        raise ValueError(
            f"{manifest_path(maker.folder, lost[0])} is not where it was written: out has to be a folder that all "
            f"machines of the cluster share, or an fsspec address, got {maker.folder}"
        )


def _connected(config: Preparation) -> Any:
    """The module of Ray, connected to the cluster."""
    try:
        import ray  # pyright: ignore[reportMissingImports]
        import ray.data  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(f'ray = {config.ray!r} needs Ray: pip install "ray[data]" ({error})') from error
    if not ray.is_initialized():
        # Machines of a cluster get the code with the job; on this one, it is where it is.
        environment = None if config.ray == "local" else {"py_modules": [str(PACKAGE)]}
        try:
            ray.init(address=config.ray, runtime_env=environment, log_to_driver=True)
        except ConnectionError as error:
            raise ValueError(f"ray = {config.ray!r}: there is no such cluster: {error}") from error
    return ray
