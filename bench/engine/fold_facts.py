"""Keeps facts of a fold in the store, where the cells of all generators find them, on every executor.

Whichever cell asks first computes; two that ask at once compute the same and one of them is kept. The key holds the
code of the function, the people and the values, so a fact is never stale.
"""

from __future__ import annotations

import base64
import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.records import Records
from bench.core.roles import Split
from bench.registry.digests import key, source_digest
from bench.store.store import Store

_PLAIN = (bool, int, float, str, type(None))


class FoldFacts:
    """Recalls facts about the people of one split from a store.

    Parameters
    ----------
    store : Store
    split : Split, whose training and held-out cohorts are the real people; a call about any other cohort is computed
    """

    def __init__(self, store: Store, split: Split) -> None:
        self._store, self._real = store, (split.train, split.holdout)

    def __call__(self, function: Callable[..., Any], cohorts: tuple[Records, ...], values: Mapping[str, Any]) -> Any:
        """Return what the function gives for these cohorts and values."""
        if not all(any(cohort is one for one in self._real) for cohort in cohorts):
            return function(*cohorts, **values)
        name = _key(function, cohorts, values)
        body = self._store.read(name)
        if body is None:
            found = function(*cohorts, **values)
            self._store.write(name, {"fact": encoded(found)})
            return found
        return decoded(body["fact"], typing.get_type_hints(inspect.unwrap(function)).get("return"))


def _key(function: Callable[..., Any], cohorts: tuple[Records, ...], values: Mapping[str, Any]) -> str:
    own = inspect.unwrap(function)
    file = Path(inspect.getfile(own))
    return key(
        "fact",
        function=own.__qualname__,
        code=source_digest(file, own.__module__),
        cohorts=[cohort.digest for cohort in cohorts],
        values=dict(values),
    )


def encoded(value: Any) -> Any:
    """Return a fact as JSON takes it.

    Raises
    ------
    TypeError
        If it is of a type that cannot be kept.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": [value.dtype.str, list(value.shape), data]}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [encoded(part) for part in value]}
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {"dict": {name: encoded(part) for name, part in value.items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"dataclass": {f.name: encoded(getattr(value, f.name)) for f in dataclasses.fields(value)}}
    raise TypeError(f"a fact of a fold is a {type(value).__name__}; expected numbers, texts, arrays or groups of them.")


def decoded(tree: Any, declared: Any = None) -> Any:
    """Return the fact that `encoded` made JSON of; `declared` is the type of the whole, if it is a dataclass."""
    if not isinstance(tree, dict):
        return tree
    ((kind, inside),) = tree.items()
    if kind == "array":
        dtype, shape, data = inside
        return np.frombuffer(base64.b64decode(data), dtype=np.dtype(dtype)).reshape(shape)
    if kind == "dict":
        return {name: decoded(part) for name, part in inside.items()}
    if kind == "dataclass":
        return declared(**{name: decoded(part) for name, part in inside.items()})
    return (tuple if kind == "tuple" else list)(decoded(part) for part in inside)
