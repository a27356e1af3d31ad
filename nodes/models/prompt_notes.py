"""What a prompt contains that the model was not trained on, for the log and the node that encodes the prompt."""

from __future__ import annotations

import logging
from typing import Any

from comfy.sd1_clip import escape_important, token_weights, unescape_important
from comfy_execution.utils import get_executing_context

from ... import higen_core as hg
from ...higen_core.models.prompts import Finding, unknown_words

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


def prompt_notes(info: hg.ModelInfo, prompt: str) -> dict[str, list]:
    """What to warn of in a prompt: "unknown" words, and "notes", texts with the values of their placeholders and the
    words of the prompt that they are about."""
    plain = without_weights(prompt)
    notes = [_note(finding) for finding in info.prompts.findings(plain)]
    return {"unknown": unknown_words(plain, info.vocabulary), "notes": notes}


def without_weights(prompt: str) -> str:
    """The prompt without the parentheses and the numbers of ComfyUI's weights, such as those of `(red:1.2)`."""
    parts = token_weights(escape_important(prompt), 1.0)
    return unescape_important("".join(text for text, _ in parts))


def _note(finding: Finding) -> dict[str, Any]:
    words, allowed = finding.words, ", ".join(finding.allowed)
    values = {
        "color": {"color": words[0], "noun": words[-1], "allowed": allowed},
        "follower": {"words": " ".join(words), "phrase": " ".join(words[:-1]), "allowed": allowed},
        "several": {"words": ", ".join(f"“{word}”" for word in words)},
    }[finding.kind]
    return {"text": TEXTS[finding.kind, bool(allowed)], "values": values, "words": list(words)}


def log_and_show(warnings: dict[str, list]) -> None:
    """Logs `prompt_notes` and sends them to the page, for the node that is running. Nothing to warn of clears the
    node's."""
    if warnings["unknown"]:
        logging.warning("HiGen: %s", UNKNOWN.format(words=", ".join(warnings["unknown"])))
    for note in warnings["notes"]:
        logging.warning("HiGen: %s", note["text"].format(**note["values"]))
    if not (context := get_executing_context()):
        return
    from server import PromptServer  # not importable outside a running ComfyUI

    server = PromptServer.instance
    if server.client_id is None:  # of a prompt that no page has queued; it would be sent to all of them
        return
    message = {"node": context.node_id, "output": {"higen_prompt": [warnings]}, "prompt_id": context.prompt_id}
    server.send_sync(EVENT, message, server.client_id)
