"""Writes YAML, and reads that of strangers as nested text: no objects, tags or aliases, in bounded time and memory.

Even a safe loader follows aliases, and a few hundred bytes of merged aliases fill any memory; it recurses as deep as
the text says; and of two equal keys it takes the last. None of that is needed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.core.errors import DataError

MAX_DEPTH = 10
_TOO_DEEP = f"more than {MAX_DEPTH} levels of nesting"
_NOT_NEEDED = "Nothing of the kind is needed here."


def yaml_text(content: Mapping[str, Any]) -> str:
    """Return our own content as YAML, its keys in the order they have."""
    import yaml  # here, so that `bench list` starts fast

    text: str = yaml.safe_dump(dict(content), sort_keys=False)
    return text


def parse_plain(text: str, name: str) -> Any:
    """Return the one document of a YAML text: dictionaries, lists, and text for every scalar (``7`` gives ``"7"``).

    Parameters
    ----------
    text : the YAML
    name : of the file, for messages

    Raises
    ------
    DataError
        If it is no YAML, holds a tag, an alias, a key twice or more than one document, or is nested too deep.
    """
    import yaml  # here, so that `bench list` starts fast

    builder = _Builder(name)
    try:
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        if "maximum nesting depth" in str(error):  # libyaml has a limit of its own, which it meets before ours
            raise DataError(f"{name}: {_TOO_DEEP}. {_NOT_NEEDED}") from error
        raise DataError(f"{name} cannot be read as YAML: {' '.join(str(error).split())[:200]}.") from error
    return builder.document[0] if builder.document else None


class _Builder:
    """Puts events together without recursion."""

    def __init__(self, name: str) -> None:
        self.document: list[Any] = []
        self._name = name
        self._open: list[Any] = [self.document]
        self._keys: list[str | None] = [None]  # per open container: the key that waits for its value

    def take(self, event: Any) -> None:
        """Add what the next event of the parser brings."""
        kind = type(event).__name__
        if kind == "AliasEvent":
            raise self._error(event, "an alias (*name); write the value out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise self._error(event, "a tag (!name), which asks for an object; only plain values are read")
        if kind == "ScalarEvent":
            self._put(event, event.value)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._begin(event, {} if kind == "MappingStartEvent" else [])
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._open.pop()
            self._keys.pop()

    def _begin(self, event: Any, container: Any) -> None:
        if len(self._open) > MAX_DEPTH:
            raise self._error(event, _TOO_DEEP)
        self._put(event, container)
        self._open.append(container)
        self._keys.append(None)

    def _put(self, event: Any, value: Any) -> None:
        inside, key = self._open[-1], self._keys[-1]
        if isinstance(inside, dict) and key is None:
            if not isinstance(value, str) or value in inside:
                raise self._error(event, "a key that is no text or comes twice")
            self._keys[-1] = value
        elif isinstance(inside, dict):
            inside[key] = value
            self._keys[-1] = None
        elif inside is self.document and inside:
            raise self._error(event, "a second document")
        else:
            inside.append(value)

    def _error(self, event: Any, what: str) -> DataError:
        return DataError(f"{self._name}, line {event.start_mark.line + 1}: {what}. {_NOT_NEEDED}")
