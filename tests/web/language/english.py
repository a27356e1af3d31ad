"""`python -m tests.web.language.english` writes locales/en/nodeDefs.json from the nodes' schemas."""

import json
import tempfile
from pathlib import Path

from ...comfyui.paths import ROOT
from ...comfyui.server import ComfyServer

LOCALES = ROOT / "locales"


def english(object_info: dict) -> dict:
    """The HiGen nodes of /object_info as ComfyUI's node translations: {node: texts}."""
    nodes = {key: node for key, node in object_info.items() if node["category"].startswith("HiGen")}
    return {key: texts(node) for key, node in sorted(nodes.items())}


def texts(node: dict) -> dict:
    inputs = {
        name: {"name": name, "tooltip": spec[1]["tooltip"]}
        for kind in ("required", "optional")
        for name, spec in node["input"].get(kind, {}).items()
    }
    outputs = {
        str(i): {"name": name, "tooltip": tooltip}
        for i, (name, tooltip) in enumerate(zip(node["output_name"], node["output_tooltips"], strict=True))
    }
    return {
        "display_name": node["display_name"],
        "description": node["description"],
        "inputs": inputs,
        "outputs": outputs,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ComfyServer(Path(folder)) as server:
        path = LOCALES / "en" / "nodeDefs.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(english(server.object_info()), indent=2, ensure_ascii=False) + "\n")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
