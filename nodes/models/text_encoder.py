"""CLIP: an OpenCLIP text tower as ComfyUI's own object, for the stock node CLIP Text Encode."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import comfy.ops
import comfy.sd
import comfy.utils
import folder_paths
from comfy.sd1_clip import SD1ClipModel, SDClipModel
from comfy.text_encoders.sd2_clip import SD2Tokenizer

from ... import higen_core as hg
from ...higen_core.models.config import RELEASED_CLIP, CLIPConfig
from ...higen_core.weights.checkpoint import read_config
from ...higen_core.weights.detection import describe_checkpoint
from ...higen_core.weights.files import open_weights
from .auto_select import is_text_tower
from .folders import naming
from .prompt_notes import log_and_show, prompt_notes

UNUSED_TENSORS = ("text_model.encoder.layers.23.", "text_projection.")
"""Prefixes of tensors of ViT-H-14 that the states before the last block do not depend on."""
SPECIAL_TOKENS = {"start": 49406, "end": 49407, "pad": 0}


def load_text_encoder(path: str, info: hg.ModelInfo | None = None) -> comfy.sd.CLIP:
    """Loads an OpenCLIP text tower.

    Args:
        path: of a file. Without a `config` in its metadata it is taken for ViT-H-14.
        info: what the denoiser was trained on. If it has a vocabulary, other words in a prompt cause a warning, as do
            words in combinations that it was not trained on.

    Raises:
        ValueError: it is another network, or tensors are missing.
    """
    file = open_weights(path)
    config = read_config(file, CLIPConfig, RELEASED_CLIP).to_dict() if "config" in file.metadata else None
    if not config and not is_text_tower(file.shapes):
        raise ValueError(
            f"{path} is not OpenCLIP's ViT-H-14 text tower (the text encoder of Stable Diffusion 2.x), it looks like "
            f"{describe_checkpoint(file.shapes)}. HiGen's released weights need that tower: "
            "open_clip_pytorch_model.bin in models/text_encoders"
        )
    names = [name for name in file.shapes if not name.startswith("visual.") and name != "logit_scale"]
    weights = {name: tensor.clone() for name, tensor in file.tensors(names)}  # else they change with the file
    if not config:
        return released_text_encoder(weights, path)
    with naming(path, "a text tower"):
        text = comfy.utils.clip_text_transformers_convert(weights, "", "")
    clip = comfy.sd.CLIP(
        SimpleNamespace(
            params={},
            clip=partial(SD1ClipModel, clip_name="h", clip_model=partial(OpenClipText, config)),
            tokenizer=partial(VocabularyTokenizer, info) if info and info.vocabulary else SD2Tokenizer,
        ),
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        parameters=sum(value.numel() for value in text.values()),
    )
    with naming(path, "a text tower"):
        missing, unexpected = clip.load_sd(text)
    missing = [name for name in missing if name != "logit_scale"]
    if missing or unexpected:
        raise ValueError(
            f"{path} is not the text tower of its config: missing {missing[:3]}, unexpected {unexpected[:3]}"
        )
    return clip


def released_text_encoder(weights: dict[str, Any], path: str) -> comfy.sd.CLIP:
    """ViT-H-14 as the stock CLIPLoader makes it, from tensor names of OpenCLIP or Transformers.

    The last block may be missing, as in text encoders of Stable Diffusion 2.x: its states are not used.
    """
    state_dicts = [weights]
    embeddings = folder_paths.get_folder_paths("embeddings")
    with naming(path, "a text tower"):
        clip = comfy.sd.load_text_encoder_state_dicts(state_dicts, embedding_directory=embeddings)
    expected = clip.cond_stage_model.clip_h.transformer.state_dict()
    used = [name for name in expected if not name.startswith(UNUSED_TENSORS)]
    if missing := [name for name in used if name not in state_dicts[0]]:
        raise ValueError(f"{path} is incomplete: {len(missing)} tensors are missing, the first is {missing[0]}")
    return clip


class OpenClipText(SDClipModel):
    """An OpenCLIP tower of any size, used as in SD 2.x: states before the last block, after the final LayerNorm."""

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
        self.transformer.text_projection = self.operations.Linear(
            text["width"], config["embed_dim"], bias=False, dtype=dtype, device=device
        )


class VocabularyTokenizer(SD2Tokenizer):
    """SD 2.x's tokenizer with a warning for what the denoiser was not trained on."""

    def __init__(self, info: hg.ModelInfo, embedding_directory: Any = None, tokenizer_data: dict = {}):  # noqa: B006
        super().__init__(embedding_directory=embedding_directory, tokenizer_data=tokenizer_data)
        self.info = info

    def tokenize_with_weights(self, text: str, return_word_ids: bool = False, **options: Any) -> dict:
        log_and_show(prompt_notes(self.info, text))
        return super().tokenize_with_weights(text, return_word_ids, **options)
