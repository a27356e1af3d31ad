"""Textures of the objects: Noto Color Emoji (SIL Open Font License) and geometric shapes."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

EMOJI = {
    "cat": "🐱", "panda": "🐼", "frog": "🐸", "pig": "🐷", "penguin": "🐧", "octopus": "🐙",
    "butterfly": "🦋", "apple": "🍎", "banana": "🍌", "watermelon": "🍉", "carrot": "🥕", "mushroom": "🍄",
    "sunflower": "🌻", "cactus": "🌵", "rocket": "🚀", "car": "🚗", "balloon": "🎈", "basketball": "🏀",
    "pumpkin": "🎃", "ghost": "👻", "robot": "🤖", "burger": "🍔", "donut": "🍩", "snowman": "⛄",
}  # fmt: skip
NEW_EMOJI = {"heart": "❤"}
"""Emoji that mini does not know, for LoRAs that teach them."""
SHAPES = ("circle", "square", "triangle", "star")
COLORS = {
    "red": (220, 40, 40), "orange": (240, 130, 20), "green": (20, 120, 50),
    "blue": (30, 60, 200), "purple": (130, 40, 170), "black": (25, 25, 25),
}  # fmt: skip
OBJECTS = (*EMOJI, *(f"{color} {shape}" for shape in SHAPES for color in COLORS))

TEXTURE = 48  # pixels of a texture, both sides
FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")


@cache
def texture(name: str) -> Tensor:
    """Texture of an object: (4, TEXTURE, TEXTURE), colors multiplied by alpha.

    Raises:
        FileNotFoundError: the emoji font is not installed.
    """
    from PIL import Image

    emoji = EMOJI | NEW_EMOJI
    image = _emoji(emoji[name]) if name in emoji else _shape(*name.split())
    image = image.resize((TEXTURE, TEXTURE), Image.Resampling.LANCZOS)
    rgba = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(TEXTURE, TEXTURE, 4) / 255
    rgba = rearrange(rgba, "h w c -> c h w")
    return torch.cat([rgba[:3] * rgba[3:], rgba[3:]])


def tinted(plain: Tensor, color: str) -> Tensor:
    """A texture in shades of one color."""
    alpha = plain[3:]
    light = plain[:3].mean(0, keepdim=True)
    rgb = (torch.tensor(COLORS[color]) / 255).view(3, 1, 1)
    return torch.cat([0.85 * rgb * alpha + 0.25 * light * rgb + 0.05 * light, alpha])


def _emoji(character: str):
    from PIL import Image, ImageDraw, ImageFont

    if not FONT.exists():
        raise FileNotFoundError(f"{FONT} is missing: install the package fonts-noto-color-emoji")
    canvas = Image.new("RGBA", (160, 160))
    font = ImageFont.truetype(str(FONT), 109)  # the one size its bitmaps have
    ImageDraw.Draw(canvas).text((80, 80), character, font=font, embedded_color=True, anchor="mm")
    return _cropped(canvas)


def _shape(color: str, shape: str):
    from PIL import Image, ImageDraw

    canvas = Image.new("RGBA", (192, 192))
    draw, fill = ImageDraw.Draw(canvas), (*COLORS[color], 255)
    if shape == "circle":
        draw.ellipse((8, 8, 184, 184), fill=fill)
    elif shape == "square":
        draw.rectangle((20, 20, 172, 172), fill=fill)
    else:
        points, inner = (3, 1.0) if shape == "triangle" else (10, 0.42)
        radii = (1.0, inner) if shape == "star" else (1.0,)
        corners = [
            (96 + 94 * r * math.sin(a), 96 - 94 * r * math.cos(a))
            for i in range(points)
            for a, r in [(2 * math.pi * i / points, radii[i % len(radii)])]
        ]
        draw.polygon(corners, fill=fill)
    return _cropped(canvas)


def _cropped(canvas):
    """Crops to what is drawn, in a square with a thin margin."""
    left, top, right, bottom = canvas.getbbox()
    half = max(right - left, bottom - top) / 2 + 3
    x, y = (left + right) / 2, (top + bottom) / 2
    return canvas.crop((round(x - half), round(y - half), round(x + half), round(y + half)))
