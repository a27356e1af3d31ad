"""What prompts the weights understand: words, and how words were combined in training."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from .config import _Config

EMBEDDING = "embedding:"
"""Prefix of the name of a textual inversion in ComfyUI's prompts."""
APOSTROPHES = "'’"


@dataclass(frozen=True)
class Finding:
    """A combination of words that was not in the training captions.

    Attributes:
        kind: "color" (of a noun), "follower" (of a phrase) or "several" (nouns in one prompt).
        words: the words of the prompt that make it, in their order.
        allowed: the words of the captions in place of the one that `kind` names.
    """

    kind: str
    words: tuple[str, ...]
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class PromptGuide(_Config):
    """How to write prompts. Empty for weights that understand any prompt.

    Attributes:
        groups: phrases of the training captions, for people to read: {group: {label: phrases}}.
        examples: prompts that work.
        nouns: things of which a clip shows one.
        colors: {noun: colors that it had}. A noun that is not in it had no color word.
        followers: {phrase: words that came after it}, an article or a color between them aside.
        fixed: phrases whose nouns are no things, such as "in a circle".

    Raises:
        ValueError: a value of another type; the message names the key.
    """

    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    colors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    followers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        groups = self.groups.values() if isinstance(self.groups, Mapping) else (None,)
        for name, valid in (
            ("groups", all(map(_is_lists, groups))),
            ("examples", _is_words(self.examples)),
            ("nouns", _is_words(self.nouns)),
            ("colors", _is_lists(self.colors)),
            ("followers", _is_lists(self.followers)),
            ("fixed", _is_words(self.fixed)),
        ):
            if not valid:
                raise ValueError(f"{name} of the prompts must be lists of texts, got {getattr(self, name)!r}")

    def findings(self, prompt: str) -> list[Finding]:
        """What the prompt combines and the training captions did not, in the order of the prompt, each once."""
        text = " ".join(words_of(prompt))
        for phrase in self.fixed:
            text = f" {text} ".replace(f" {phrase} ", " | ").strip()
        words = text.split()
        found, things, last = [], [], 0  # `last`: where what follows a phrase ends
        for i, word in enumerate(words):
            if phrase := self._phrase_at(words, i):
                last, finding = self._follower(phrase, words, i)
                found += finding
            if i < last:
                continue
            color = words[i - 1] if i > last and words[i - 1] in self._color_words else ""
            if color and self._is_noun(word) and color not in (allowed := tuple(self.colors.get(word, ()))):
                found.append(Finding("color", (color, word), allowed))
            if word in self.nouns:
                things.append(word)
        if len(things) > 1:
            found.append(Finding("several", tuple(dict.fromkeys(things))))
        return list(dict.fromkeys(found))

    @property
    def _color_words(self) -> set[str]:
        return {color for colors in self.colors.values() for color in colors}

    def _is_noun(self, word: str) -> bool:
        return word in self.nouns or word in self.colors

    def _phrase_at(self, words: list[str], start: int) -> str:
        """The longest phrase with followers that begins at this word; "" if there is none."""
        phrases = sorted(self.followers, key=len, reverse=True)
        return next((p for p in phrases if words[start : start + len(p.split())] == p.split()), "")

    def _follower(self, phrase: str, words: list[str], start: int) -> tuple[int, list[Finding]]:
        """Where the noun or color after a phrase ends, and what is wrong with it."""
        first = start + len(phrase.split())
        if words[first : first + 1] and words[first] in ("a", "an", "the"):
            first += 1
        taken = words[first : first + 2]
        if len(taken) == 2 and not (taken[0] in self._color_words and self._is_noun(taken[1])):
            taken = taken[:1]
        if not taken or not (self._is_noun(taken[0]) or taken[0] in self._color_words):
            return start, []
        allowed = tuple(self.followers[phrase])
        right = " ".join(taken) in allowed
        finding = [] if right else [Finding("follower", (*phrase.split(), *taken), allowed)]
        return first + len(taken), finding


def unknown_words(prompt: str, vocabulary: Collection[str]) -> list[str]:
    """Words of the prompt that are not in the vocabulary, each once, in lower case; none if it is empty."""
    known = {word.lower() for word in vocabulary}
    return [word for word in dict.fromkeys(words_of(prompt)) if word not in known] if known else []


def words_of(prompt: str) -> list[str]:
    """The words of a prompt in any script, in lower case: letters, digits and pictographs.

    Names of embeddings are no words, and neither are the "'s" of a genitive and punctuation.
    """
    prompt = unicodedata.normalize("NFC", prompt).lower()
    prompt = " ".join(part for part in prompt.split() if not part.lstrip("(,").startswith(EMBEDDING))
    words = "".join(c if _belongs_to_word(c) else " " for c in prompt).split()
    words = [word.strip(APOSTROPHES) for word in words]
    return [w for word in words if (w := word.removesuffix("'s").removesuffix("’s"))]


def _belongs_to_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LMN" or category == "So" or character in APOSTROPHES


def _is_words(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)


def _is_lists(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_words, value.values()))
