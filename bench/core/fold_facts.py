"""Facts of a fold: what metrics compute from real people alone, once for all generators that are held against them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, cast

from bench.core.records import Records

P = ParamSpec("P")
T = TypeVar("T")
Recall = Callable[[Callable[..., Any], tuple[Records, ...], Mapping[str, Any]], Any]
_recall: ContextVar[Recall | None] = ContextVar("fold facts", default=None)


def fold_fact(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function, whose results about the real people of a fold are kept for every generator of that fold.

    In a run, a call with the very cohorts `train` and `holdout` that a metric is handed is looked up in the store, and
    computed only if nobody did so before; any other call, such as one with a release, is computed. The number is the
    same, so that a function may be decorated at any time.

    Parameters
    ----------
    function : positional arguments are cohorts, keyword arguments plain values (numbers, texts, tuples of them); it is
        a pure function of these, and returns numbers, arrays, or tuples, lists, dictionaries or a dataclass of them. A
        dataclass must be its declared return type.

    Examples
    --------
    >>> from bench import Cohort, fold_fact
    >>> @fold_fact
    ... def mean_expression(train: Cohort) -> float:
    ...     return float(train.X.mean())
    >>> mean_expression(Cohort(X=[[1, 3]], y=["a"], genes=["G1", "G2"], samples=["s1"], units="log2"))
    2.0
    """

    @functools.wraps(function)
    def recalled(*args: P.args, **kwargs: P.kwargs) -> T:
        recall = _recall.get()
        if recall is None:
            return function(*args, **kwargs)
        return cast(T, recall(function, cast(tuple[Records, ...], args), kwargs))

    return recalled


@contextlib.contextmanager
def recalled_by(recall: Recall) -> Iterator[None]:
    """Look facts up by this function inside the block."""
    token = _recall.set(recall)
    try:
        yield
    finally:
        _recall.reset(token)
