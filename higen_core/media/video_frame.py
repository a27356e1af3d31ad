"""Decoded frames as arrays, upright and with alpha: what a player shows."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_array(frame: Any) -> np.ndarray:
    """A frame of PyAV as uint8 (h, w, 3), or (h, w, 4) with straight alpha, turned as its file says.

    Phones store upright images lying, with the angle beside them.
    """
    has_alpha = frame.format.name == "pal8" or any(component.is_alpha for component in frame.format.components)
    image = frame.to_ndarray(format="rgba" if has_alpha else "rgb24")
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image
