"""Running text as data: words, names and emphasis one after the other, without the marks of any language."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

_MARKS = {"plain": "", "italic": "*", "bold": "**"}
_SPECIAL = re.compile(  # what means something to Markdown where it stands
    r"[|*`]|<(?=[\w/!?])|&(?=#?\w+;)|\](?=\()|\\(?=[!-/:-@\[-`{-~])|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])"
)
_ENTITIES = {"<": "&lt;", "&": "&amp;"}


class Span(NamedTuple):
    """Some words of one kind."""

    text: str
    kind: Literal["plain", "code", "italic", "bold"] = "plain"

    def markdown(self) -> str:
        """Return the words between marks; in code only what ends it or a cell must be written differently."""
        if self.kind == "code":
            return "`" + self.text.replace("`", "'").replace("|", "\\|") + "`"
        mark = _MARKS[self.kind]
        return mark + _SPECIAL.sub(_escaped, self.text) + mark


def _escaped(found: re.Match[str]) -> str:
    return _ENTITIES.get(found[0], f"\\{found[0]}")


@dataclass(frozen=True)
class Text:
    """Running text: spans one after the other. Texts and strings are joined by ``+``; a string is plain words."""

    spans: tuple[Span, ...] = ()

    def __add__(self, other: Text | str) -> Text:
        return Text((*self.spans, *text_of(other).spans))

    def __radd__(self, other: str) -> Text:
        return text_of(other) + self

    def __str__(self) -> str:
        return "".join(span.text for span in self.spans)

    def markdown(self) -> str:
        """Return the text as Markdown."""
        return "".join(span.markdown() for span in self.spans)


def text_of(words: Text | str) -> Text:
    """Return words as running text."""
    return words if isinstance(words, Text) else Text((Span(words),) if words else ())


def code(name: str) -> Text:
    """Return a name as rows and commands have it."""
    return Text((Span(name, "code"),))


def italic(words: str) -> Text:
    """Return emphasised words."""
    return Text((Span(words, "italic"),))


def bold(words: str) -> Text:
    """Return words that stand out."""
    return Text((Span(words, "bold"),))


def joined(parts: Iterable[Text | str], between: str = ", ") -> Text:
    """Return texts one after the other, with something between them."""
    found = Text()
    for i, part in enumerate(parts):
        found += (between if i else "") + text_of(part)
    return found


def prose(words: str, *parts: Text | str) -> Text:
    """Return words in which each ``{}`` stands for a name, a number or words of another kind, in turn."""
    start, *rest = words.split("{}")
    return start + joined((text_of(part) + then for part, then in zip(parts, rest, strict=True)), "")
