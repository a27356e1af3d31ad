"""Converts a workflow, as the graph editor saves it, to the API prompt that the editor would queue for it.

A workflow has nodes with positional widget values, links, and nodes that exist only in the editor (notes, reroutes,
primitives, subgraphs, muted and bypassed nodes). A prompt is a flat {id: {"class_type", "inputs"}}, where an input is a
value or a link [id, output slot]. The schemas of the nodes come from the server's /object_info.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
EDITOR_ONLY = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
MUTED, BYPASSED = 2, 4
"""Modes of a node."""
SUBGRAPH_INPUT, SUBGRAPH_OUTPUT = -10, -20
"""Ids of virtual nodes in a subgraph: the outputs of the first are its inputs, the inputs of the second its outputs."""
NOTHING = object()
"""A value or a link that does not exist; None is a value."""


def load_prompt(path: Path, object_info: dict) -> tuple[dict, dict]:
    """The API prompt and the workflow of a workflow file."""
    workflow = json.loads(Path(path).read_text())
    return to_prompt(workflow, object_info), workflow


def only(prompt: dict, class_type: str) -> str:
    """The id of the only node of a type."""
    (key,) = (key for key, node in prompt.items() if node["class_type"] == class_type)
    return key


def with_inputs(prompt: dict, class_type: str, **inputs: Any) -> dict:
    """A copy of a prompt with other input values for its only node of a type."""
    key = only(prompt, class_type)
    return prompt | {key: prompt[key] | {"inputs": prompt[key]["inputs"] | inputs}}


def to_prompt(workflow: dict, object_info: dict) -> dict:
    """The API prompt of a workflow. Raises ValueError for a node type that the server does not have."""
    prompt = {}
    for scope, node in walk(Scope.of(workflow, subgraphs_of(workflow))):
        if node["type"] not in object_info:
            raise ValueError(f"node {node['id']} has type {node['type']!r}, which the server does not have")
        inputs = widget_inputs(node, object_info[node["type"]]["input"]) | linked_inputs(scope, node)
        prompt[scope.id(node)] = {"class_type": node["type"], "inputs": inputs}
    return drop_dead_links(prompt)


@dataclass
class Scope:
    """One graph: the workflow itself, or the content of a subgraph node.

    Attributes:
        nodes: by id.
        links: (origin id, origin slot, target id, target slot) by link id.
        subgraphs: definitions of all subgraphs of the workflow by id.
        owner, parent: the subgraph node whose content this is, and the scope with that node; None for the workflow.
    """

    nodes: dict[int, dict]
    links: dict[int, tuple[int, int, int, int]]
    subgraphs: dict[str, dict]
    owner: dict | None = None
    parent: Scope | None = None

    @classmethod
    def of(cls, graph: dict, subgraphs: dict, owner: dict | None = None, parent: Scope | None = None) -> Scope:
        links = {}
        for link in graph["links"]:
            if isinstance(link, dict):
                link = [link[k] for k in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
            links[link[0]] = tuple(link[1:5])
        return cls({node["id"]: node for node in graph["nodes"]}, links, subgraphs, owner, parent)

    def id(self, node: dict) -> str:
        """The id of a node in a prompt: "7", or "3:7" in the subgraph node 3."""
        return f"{self.parent.id(self.owner)}:{node['id']}" if self.parent else str(node["id"])

    def inside(self, node: dict) -> Scope | None:
        """The content of a subgraph node; None for any other node."""
        graph = self.subgraphs.get(node["type"])
        return Scope.of(graph, self.subgraphs, node, self) if graph else None


def subgraphs_of(workflow: dict) -> dict[str, dict]:
    return {graph["id"]: graph for graph in workflow.get("definitions", {}).get("subgraphs", [])}


def walk(scope: Scope) -> Iterator[tuple[Scope, dict]]:
    """Yields the nodes that the prompt has, with their scopes."""
    for node in scope.nodes.values():
        if node["type"] in EDITOR_ONLY or node.get("mode", 0) in (MUTED, BYPASSED):
            continue
        inside = scope.inside(node)
        if inside:
            yield from walk(inside)
        else:
            yield scope, node


def widget_inputs(node: dict, schema: dict) -> dict[str, Any]:
    """The values of a node's widgets. Widgets that were appended after the file was saved get their default."""
    saved = node.get("widgets_values") or []
    if isinstance(saved, dict):
        return dict(saved)
    remaining = iter(saved)
    values = {}
    for name, (kind, *rest) in (schema.get("required", {}) | schema.get("optional", {})).items():
        options = rest[0] if rest else {}
        if not (isinstance(kind, list) or kind in WIDGET_TYPES) or options.get("forceInput"):
            continue
        value = next(remaining, default_of(kind, options))
        if value is not NOTHING:
            values[name] = {"__value__": value} if isinstance(value, list) else value
        if options.get("control_after_generate", name in ("seed", "noise_seed") and kind == "INT"):
            next(remaining, None)  # "fixed", "randomize" … is for the editor
    return values


def default_of(kind: str | list, options: dict) -> Any:
    if "default" in options:
        return options["default"]
    choices = kind if isinstance(kind, list) else options.get("options")
    return choices[0] if choices else NOTHING


def linked_inputs(scope: Scope, node: dict) -> dict[str, Any]:
    links = {slot["name"]: source(scope, slot.get("link")) for slot in node.get("inputs", [])}
    return {name: link for name, link in links.items() if link is not NOTHING}


def source(scope: Scope, link: int | None) -> Any:
    """The origin of a link, [node id, output slot], the value of a primitive, or NOTHING."""
    if link is None:
        return NOTHING
    origin_id, slot, *_ = scope.links[link]
    if origin_id == SUBGRAPH_INPUT:
        return from_outside(scope, scope.owner["inputs"][slot])
    node = scope.nodes[origin_id]
    if node.get("mode", 0) == MUTED:
        return NOTHING
    if node["type"] == "PrimitiveNode":
        return node["widgets_values"][0]
    if node["type"] == "Reroute":
        return source(scope, node["inputs"][0].get("link"))
    if node.get("mode", 0) == BYPASSED:
        return source(scope, bypass(node, slot))
    inside = scope.inside(node)
    if inside:
        return source(inside, link_to(inside, SUBGRAPH_OUTPUT, slot))
    return [scope.id(node), slot]


def from_outside(scope: Scope, entry: dict) -> Any:
    """What a subgraph node feeds into its content: an input's link, or else the value of the widget on the node."""
    if entry.get("link") is not None:
        return source(scope.parent, entry["link"])
    widgets = [other["name"] for other in scope.owner["inputs"] if "widget" in other]
    values = dict(zip(widgets, scope.owner.get("widgets_values") or [], strict=False))
    return values.get(entry["name"], NOTHING)


def bypass(node: dict, slot: int) -> int | None:
    """The link that a bypassed node forwards to its output `slot`: that of input `slot`, or else of the same type."""
    inputs, kind = node.get("inputs", []), node["outputs"][slot]["type"]
    candidates = inputs[slot : slot + 1] + inputs
    return next((entry.get("link") for entry in candidates if entry["type"] == kind), None)


def link_to(scope: Scope, target_id: int, target_slot: int) -> int | None:
    ends = (target_id, target_slot)
    return next((link for link, (_, _, *target) in scope.links.items() if tuple(target) == ends), None)


def drop_dead_links(prompt: dict) -> dict:
    """Removes links to nodes that are not in the prompt, as the editor does."""
    for node in prompt.values():
        node["inputs"] = {
            name: value for name, value in node["inputs"].items() if not is_link(value) or value[0] in prompt
        }
    return prompt


def is_link(value: Any) -> bool:
    return isinstance(value, list)
