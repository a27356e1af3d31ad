"""Scenes of the emoji data set: sampled, drawn and captioned. Everything is a pure function of a random stream.

Trainings see the frames and the captions of a `Scene` and nothing else of it: cues are measured on the pixels.
"""

from .captions import caption, caption_pair, describe_final_frame, vocabulary
from .pairs import PAIR_TYPES, sample_pair
from .rendering import path, render
from .sampling import sample_content, sample_first_frame, sample_scene, sample_still
from .scene import BACKGROUNDS, DIRECTIONS, FPS, FRAMES, MOTION_SCALE, PROFILES, SIZE, Scene, is_held_out
from .textures import COLORS, EMOJI, NEW_EMOJI, OBJECTS, texture

__all__ = [
    "BACKGROUNDS",
    "COLORS",
    "DIRECTIONS",
    "EMOJI",
    "FPS",
    "FRAMES",
    "MOTION_SCALE",
    "NEW_EMOJI",
    "OBJECTS",
    "PAIR_TYPES",
    "PROFILES",
    "SIZE",
    "Scene",
    "caption",
    "caption_pair",
    "describe_final_frame",
    "is_held_out",
    "path",
    "render",
    "sample_content",
    "sample_first_frame",
    "sample_pair",
    "sample_scene",
    "sample_still",
    "texture",
    "vocabulary",
]
