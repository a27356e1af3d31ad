"""CLIP: an OpenCLIP text tower as ComfyUI's own object, so that stock CLIP Text Encode drives it."""

from __future__ import annotations

import logging
import re
from functools import partial
from types import SimpleNamespace
from typing import Any

import comfy.ops
import comfy.sd
import comfy.utils
import folder_paths
from comfy.sd1_clip import SD1ClipModel, SDClipModel
from comfy.text_encoders.sd2_clip import SD2Tokenizer
from comfy_execution.utils import get_executing_context

from ..higen_core.files import open_weights
from ..higen_core.identify import seems
from .candidates import is_text_tower

NOT_NEEDED = ("text_model.encoder.layers.23.", "text_projection.")
SPECIAL_TOKENS = {"start": 49406, "end": 49407, "pad": 0}


def load_text_encoder(path: str, vocabulary: list[str] | None = None) -> comfy.sd.CLIP:
    """An OpenCLIP text tower. A file with our `config` may be of any size; one without is taken for ViT-H-14.

    `vocabulary`: the words that the denoiser was trained on; other words in a prompt cause a warning.
    """
    file = open_weights(path)
    config = file.metadata.get("config")
    if not config and not is_text_tower(file.shapes):
        raise ValueError(
            f"{path} is not OpenCLIP's ViT-H-14 text tower (the text encoder of Stable Diffusion 2.x), it seems to be "
            f"{seems(file.shapes)}. HiGen's released weights need that one: open_clip_pytorch_model.bin, in "
            "models/text_encoders"
        )
    names = [name for name in file.shapes if not name.startswith("visual.") and name != "logit_scale"]
    weights = dict(file.tensors(names))
    if not config:
        return released_text_encoder(weights, path)
    text = comfy.utils.clip_text_transformers_convert(weights, "", "")
    clip = comfy.sd.CLIP(
        SimpleNamespace(
            params={},
            clip=partial(SD1ClipModel, clip_name="h", clip_model=partial(OpenClipText, config)),
            tokenizer=partial(VocabularyTokenizer, frozenset(vocabulary or ())),
        ),
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        parameters=sum(value.numel() for value in text.values()),
    )
    missing, unexpected = clip.load_sd(text)
    missing = [name for name in missing if name != "logit_scale"]
    if missing or unexpected:
        raise ValueError(f"{path} is not the text tower of its config: missing {missing[:3]}, unknown {unexpected[:3]}")
    return clip


def released_text_encoder(weights: dict[str, Any], path: str) -> comfy.sd.CLIP:
    """ViT-H-14 as ComfyUI's own CLIPLoader makes it, from OpenCLIP's names or Transformers'.

    The last block is never asked for its states, and text encoders of Stable Diffusion 2.x come without it.
    """
    parts = [weights]
    clip = comfy.sd.load_text_encoder_state_dicts(
        parts, embedding_directory=folder_paths.get_folder_paths("embeddings")
    )
    needed = [n for n in clip.cond_stage_model.clip_h.transformer.state_dict() if not n.startswith(NOT_NEEDED)]
    if missing := [name for name in needed if name not in parts[0]]:
        raise ValueError(f"{path} is incomplete: {len(missing)} tensors are missing, the first is {missing[0]}")
    return clip


class OpenClipText(SDClipModel):
    """SD 2.x's use of an OpenCLIP tower, at any size: the states before the last block, through the final norm."""

    def __init__(self, config: dict[str, Any], device: Any = "cpu", dtype: Any = None, model_options: dict = {}):  # noqa: B006
        text = config["text_cfg"]
        super().__init__(
            device=device,
            dtype=dtype,
            model_options=model_options,
            layer="hidden",
            layer_idx=-2,
            special_tokens=SPECIAL_TOKENS,
            max_length=text.get("context_length", 77),
            textmodel_json_config={
                "hidden_size": text["width"],
                "intermediate_size": 4 * text["width"],
                "num_attention_heads": text["heads"],
                "num_hidden_layers": text["layers"],
                "max_position_embeddings": text.get("context_length", 77),
                "hidden_act": "gelu",
                "eos_token_id": SPECIAL_TOKENS["end"],
            },
        )
        make = {"dtype": dtype, "device": device}
        self.transformer.text_projection = self.operations.Linear(
            text["width"], config["embed_dim"], bias=False, **make
        )


class VocabularyTokenizer(SD2Tokenizer):
    """SD 2.x's tokenizer, which also tells the user of words that the denoiser has never seen."""

    def __init__(self, vocabulary: frozenset[str], embedding_directory: Any = None, tokenizer_data: dict = {}):  # noqa: B006
        super().__init__(embedding_directory=embedding_directory, tokenizer_data=tokenizer_data)
        self.vocabulary = vocabulary

    def tokenize_with_weights(self, text: str, return_word_ids: bool = False, **options: Any) -> dict:
        if unknown := self.unknown_words(text):
            tell_node(f"This model was not trained on: {', '.join(unknown)}")
        return super().tokenize_with_weights(text, return_word_ids, **options)

    def unknown_words(self, text: str) -> list[str]:
        """Words of the prompt outside the vocabulary, each once; none when the vocabulary is not known."""
        words = dict.fromkeys(re.findall(r"[a-z]+", text.lower()))
        return [word for word in words if word not in self.vocabulary] if self.vocabulary else []


def tell_node(message: str) -> None:
    """A warning in the log, and as text on the node that is running."""
    logging.warning("HiGen: %s", message)
    if context := get_executing_context():
        from server import PromptServer  # not importable outside a running ComfyUI

        PromptServer.instance.send_progress_text(message, context.node_id)
