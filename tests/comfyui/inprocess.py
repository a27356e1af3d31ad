"""Makes ComfyUI's modules (`comfy`, `nodes`, `folder_paths` …) importable in this process."""

import os
import sys
import tempfile

from .paths import comfyui_path

FOLDERS = ("models", "input", "output", "custom_nodes", "user", "temp")
_base = tempfile.TemporaryDirectory(prefix="higen-comfyui-")  # removed when Python exits


def enter_comfyui(option: str = "cpu") -> None:
    """Adds ComfyUI to `sys.path`, set to a temporary folder. Must be called before `import comfy`.

    `option` is one of its options for memory, such as "lowvram".
    """
    if str(comfyui_path()) in sys.path:
        return
    sys.path.insert(0, str(comfyui_path()))
    for folder in FOLDERS:
        os.makedirs(os.path.join(_base.name, folder), exist_ok=True)

    from comfy.cli_args import args

    setattr(args, option.replace("-", "_"), True)
    args.base_directory = _base.name

    import utils.extra_config  # noqa: F401  as main.py does, before ComfyUI's nodes shadow it with comfy/utils.py
