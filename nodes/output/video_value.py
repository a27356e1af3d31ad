"""VIDEO, ComfyUI's type for videos, of frames that stay as they are until somebody asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from comfy_api.latest import InputImpl, Types

from .sound import Sound


class FramesVideo(InputImpl.VideoFromComponents):
    """A video of images (f, h, w, 3 or 4) that is opaque and of even height and width, as the stock savers need it.

    A copy is made only where frames differ from the images, and only when a node reads or saves the video.
    """

    def __init__(self, images: torch.Tensor, order: Sequence[int], sound: Sound | None, fps: Fraction) -> None:
        audio: Any = sound and {"waveform": torch.from_numpy(sound.all_samples())[None], "sample_rate": sound.rate}
        super().__init__(Types.VideoComponents(images=images, audio=audio, frame_rate=fps))
        self._images, self._order, self._audio, self._fps = images, order, audio, fps

    def get_components(self) -> Types.VideoComponents:
        frames = opaque_frames(self._images, self._order)
        return Types.VideoComponents(images=frames, audio=self._audio, frame_rate=self._fps)

    def get_dimensions(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self._images.shape[1:3]
        return width + width % 2, height + height % 2

    def save_to(self, *args: Any, **kwargs: Any) -> Any:
        return InputImpl.VideoFromComponents(self.get_components()).save_to(*args, **kwargs)


def opaque_frames(images: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """RGB frames in an order, with transparent parts black and even sides: repeats the last row or column of odd ones.

    Without copying if the images are such frames.
    """
    height, width, channels = images.shape[1:]
    if channels == 3 and height % 2 == 0 and width % 2 == 0 and list(order) == list(range(len(images))):
        return images
    frames = images.new_empty(len(order), height + height % 2, width + width % 2, 3)
    for frame, i in zip(frames, order, strict=True):
        frame[:height, :width] = opaque(images[i])
        frame[height:, :width] = frame[height - 1 : height, :width]
        frame[:, width:] = frame[:, width - 1 : width]
    return frames


def opaque(image: torch.Tensor) -> torch.Tensor:
    """Images (..., h, w, 3 or 4) in [0, 1] as RGB, transparent parts black."""
    return image if image.shape[-1] == 3 else image[..., :3] * image[..., 3:].clamp(0, 1)
