"""Keeps what several measures compute from the same cohorts, for as long as those cohorts live and no longer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

from bench import Cohort

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class _Node:
    below: WeakKeyDictionary[Cohort, _Node] = field(default_factory=WeakKeyDictionary)
    values: dict[tuple[Any, ...], Any] = field(default_factory=dict)


def shared(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function, with each result kept until one of the cohorts it was computed from is gone.

    Positional arguments are cohorts (compared by identity: a cohort never changes), keyword arguments plain values. The
    result must hold no reference to a cohort, or it would keep it, and itself, alive.
    """
    root = _Node()

    @functools.wraps(function)
    def recall(*args: P.args, **kwargs: P.kwargs) -> T:
        node = root
        for cohort in cast(tuple[Cohort, ...], args):
            node = node.below.setdefault(cohort, _Node())
        key = tuple(sorted(kwargs.items()))
        if key not in node.values:
            node.values[key] = function(*args, **kwargs)
        return cast(T, node.values[key])

    return recall
