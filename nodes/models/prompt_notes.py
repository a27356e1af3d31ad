"""What a prompt contains that the model was not trained on, for the log and the node that encodes the prompt."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from comfy_execution.utils import get_executing_context

from ...higen_core.models.prompts import Finding

EVENT = "higen.prompt"
UNKNOWN = "This model was not trained on: {words}"
TEXTS = {
    ("color", False): "“{color} {noun}”: this model knows “{noun}” without a color word only, another thing may come",
    ("color", True): "“{color} {noun}”: this model knows “{noun}” in {allowed} only",
    ("follower", True): "“{words}”: after “{phrase}” this model knows {allowed} only",
    ("follower", False): "“{words}”: this model does not know what follows “{phrase}”",
    ("several", False): "{words}: this model shows one thing at a time",
}
"""By kind of a finding, and whether it states what is allowed. The page translates them."""


def notes_of(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Texts with the values of their placeholders, and the words of the prompt that they are about."""
    return [_note(finding) for finding in findings]


def _note(finding: Finding) -> dict[str, Any]:
    words, allowed = finding.words, ", ".join(finding.allowed)
    values = {
        "color": {"color": words[0], "noun": words[-1], "allowed": allowed},
        "follower": {"words": " ".join(words), "phrase": " ".join(words[:-1]), "allowed": allowed},
        "several": {"words": ", ".join(f"“{word}”" for word in words)},
    }[finding.kind]
    return {"text": TEXTS[finding.kind, bool(allowed)], "values": values, "words": list(words)}


def log_and_show(unknown: list[str], notes: list[dict[str, Any]]) -> None:
    """Logs warnings and sends them to the page, for the node that is running. Nothing to warn of clears the node's."""
    if unknown:
        logging.warning("HiGen: %s", UNKNOWN.format(words=", ".join(unknown)))
    for note in notes:
        logging.warning("HiGen: %s", note["text"].format(**note["values"]))
    if not (context := get_executing_context()):
        return
    from server import PromptServer  # not importable outside a running ComfyUI

    server = PromptServer.instance
    output = {"higen_prompt": [{"unknown": unknown, "notes": notes}]}
    message = {"node": context.node_id, "output": output, "prompt_id": context.prompt_id}
    server.send_sync(EVENT, message, server.client_id)
