"""MODEL: the denoiser as a model of ComfyUI, loaded, cast, patched and unloaded by ComfyUI."""

from __future__ import annotations

from functools import partial
from typing import Any

import comfy.latent_formats
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.supported_models_base
import torch
from comfy.model_base import BaseModel, ModelType
from comfy.model_sampling import V_PREDICTION, ModelSamplingDiscrete
from comfy.patcher_extension import WrappersMP

from ... import higen_core as hg
from ...higen_core.diffusion.schedule import BETA_FIRST, BETA_LAST
from ..conditioning import KEY, text_and_cues
from ..latents import frames_and_size
from ..sampling.frame_cues import FrameCues
from ..sampling.noise import LOOP, sample_with_video_noise
from ..sampling.previews import DecodedLatents
from .denoiser import StockUNet
from .folders import bundled
from .image_encoders import ImageEncoder, image_tower
from .precision import compute_dtype, weight_dtype


class HigenConfig(comfy.supported_models_base.BASE):
    """What ComfyUI asks of a model's config; its node FreeU reads `model_channels`."""

    latent_format = comfy.latent_formats.SD15
    sampling_settings = {"beta_schedule": "linear", "linear_start": BETA_FIRST, "linear_end": BETA_LAST, "zsnr": True}

    def __init__(self, unet: hg.UNet, weights: torch.dtype, compute: torch.dtype | None):
        channels = {"in_channels": unet.config.in_dim, "model_channels": unet.config.dim}
        super().__init__({"disable_unet_model_creation": True, **channels})
        self.set_inference_dtype(weights, compute)
        if unet.info.rgb_factors:
            self.latent_format.latent_rgb_factors = unet.info.rgb_factors
            self.latent_format.latent_rgb_factors_bias = unet.info.rgb_bias
            self.latent_format.taesd_decoder_name = None


class HigenSampling(ModelSamplingDiscrete, V_PREDICTION):
    """ComfyUI's noise levels and v-prediction."""

    def noise_scaling(self, sigma, noise, latent_image, max_denoise=None) -> torch.Tensor:
        """Adds noise to a latent. An empty one starts from noise of variance 1 at any first time step, as in the
        released implementation; ComfyUI's own scaling would leave a share for the latent.

        ComfyUI states `max_denoise` where sampling starts, and leaves it out where it noises what a mask keeps.
        """
        starts_empty = max_denoise is not None and not latent_image.any()
        return super().noise_scaling(sigma, noise, latent_image, max_denoise or starts_empty)


class HigenModel(BaseModel):
    """A denoiser with v-prediction and zero terminal SNR. Latents have their frames in the batch.

    `image_tower` is the file of the text encoder whose image tower measures appearance; "" if there is none.
    """

    def __init__(self, unet: StockUNet, weights: torch.dtype, compute: torch.dtype | None, image_tower: str = ""):
        super().__init__(HigenConfig(unet, weights, compute), ModelType.V_PREDICTION)
        self.model_sampling = HigenSampling(self.model_config)
        self.diffusion_model = unet
        self.image_tower = image_tower
        self._loaded_tower: ImageEncoder | None = None

    @property
    def info(self) -> hg.ModelInfo:
        """What the weights were trained on."""
        return self.diffusion_model.info

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Images (b, h, w, 3) in [0, 1] -> embeddings (b, d) of the image tower, which is loaded on first use."""
        self._loaded_tower = self._loaded_tower or image_tower(self.image_tower)
        return self._loaded_tower.encode_image(images)

    @property
    def size_step(self) -> int:
        """Pixels that width and height must be multiples of: 8 for the VAE, times 2 for each level after the first."""
        return 8 * 2 ** (len(self.diffusion_model.config.dim_mult) - 1)

    @property
    def computes_in(self) -> torch.dtype:
        """The dtype of the activations."""
        return self.manual_cast_dtype or self.get_dtype()

    def extra_conds(self, **conditioning: Any) -> dict[str, Any]:
        return text_and_cues(self, conditioning)

    def memory_required(self, input_shape: list[int], cond_shapes: Any = None) -> int:
        """Bytes of the activations in a call on latents (frames of all conditionings, 4, h, w).

        Clips are processed in chunks that leave room for all weights on the device, if they can: ComfyUI moves those
        that have none in each call.

        Raises:
            ValueError: another shape.
        """
        size = frames_and_size(input_shape)
        config, chunk = self.diffusion_model.config, None
        if "cues" in (cond_shapes or {}):
            memory = comfy.model_management.get_total_memory(comfy.model_management.get_torch_device())
            memory -= comfy.model_management.module_size(self.diffusion_model)
            chunk = hg.plan_chunk(config, *size, self.computes_in, memory)
        return hg.activations(config, *size, self.computes_in, chunk)

    def extra_conds_shapes(self, **conditioning: Any) -> dict[str, list[int]]:
        """What `memory_required` receives of a conditioning before sampling: whether it is a clip's."""
        return {"cues": [1]} if conditioning.get(KEY) else {}

    def _apply_model(
        self, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **conds
    ) -> torch.Tensor:
        """Predicts clean latents; long clips are processed in chunks that fit into the free memory.

        The denoiser gets tensors instead of cues: how they are made is nothing that torch.compile could compile.
        """
        options = transformer_options or {}
        window, loop = options.get("context_window"), options.get(LOOP, False)
        if cues := conds.pop("cues", None):
            frames, _, height, width = x.shape
            free = getattr(self.current_patcher, "get_free_memory", comfy.model_management.get_free_memory)(x.device)
            size = (frames // len(cues), height, width)
            config = self.diffusion_model.config
            conds["conditions"] = FrameCues.stack([part.conditions(self.info, window, loop, x) for part in cues])
            conds["chunk"] = hg.plan_chunk(config, *size, self.computes_in, free, batch=len(cues))
        denoised = super()._apply_model(x, t, c_concat, c_crossattn, control, options, **conds)
        if not any(part.changes_estimates for part in cues or ()):
            return denoised
        videos = denoised.chunk(len(cues))
        return torch.cat([part.change_estimates(x0, window) for part, x0 in zip(cues, videos, strict=True)])


def load_model(source: str, dtype: str, image_tower: str = "", disable_dynamic: bool = False, vae: str = "") -> Any:
    """Loads a denoiser as a MODEL.

    Args:
        source: "mini" or the path of a file.
        dtype: a key of `precision.DTYPES`.
        image_tower: see `HigenModel`.
        disable_dynamic: ComfyUI asks for it where it cannot use its dynamic patcher.
        vae: the file of the VAE; the decoder of the bundled one is small enough for previews.
    """
    device = comfy.model_management.get_torch_device()
    weights = weight_dtype(source, dtype, device)
    compute = compute_dtype(weights, device)
    ops = comfy.ops.pick_operations(weights, compute, device)
    unet = hg.load_unet(source, weights, build=partial(StockUNet, ops=ops))
    model = HigenModel(unet, weights, compute, image_tower)
    if vae == bundled("vae"):
        model.latent_format.latent_rgb_factors_reshape = DecodedLatents(model.latent_format, vae)
    if archive := getattr(comfy.model_management, "archive_model_dtypes", None):  # newer than 0.3.75
        archive(unet)
    dynamic = None if disable_dynamic else getattr(comfy.model_patcher, "CoreModelPatcher", None)
    patcher = (dynamic or comfy.model_patcher.ModelPatcher)(
        model, load_device=device, offload_device=comfy.model_management.unet_offload_device()
    )
    patcher.cached_patcher_init = (partial(load_model, vae=vae), (source, dtype, image_tower))
    patcher.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, "higen", sample_with_video_noise)
    return patcher


def higen_model(model: Any) -> HigenModel:
    """The HiGen model in a MODEL.

    Raises:
        ValueError: the MODEL is another one.
    """
    if isinstance(model.model, HigenModel):
        return model.model
    raise ValueError(f"model must be a HiGen model, from HiGen Loader, got {type(model.model).__name__}")
