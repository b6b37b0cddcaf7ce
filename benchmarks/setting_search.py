"""The search by which the numbers of private generators are chosen: one after another, on people not judged later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_BETTER = 0.005  # what another value must gain
Setting = dict[str, Any]


def search(
    start: Setting, values: Mapping[str, Sequence[Any]], score: Callable[[Setting], tuple[float, dict[str, float]]]
) -> Setting:
    """Print every setting tried, and return the one that is left.

    One number after another takes the value of the highest score; it keeps the value that it has unless another is
    better by 0.005.

    Parameters
    ----------
    start : the first setting
    values : what is tried of each number, in this order
    score : returns how good a setting is, higher is better, and what is shown of it
    """
    best, shown = score(start)
    setting = dict(start)
    print(f"| changed | {' | '.join(shown)} |\n|{'---|' * (len(shown) + 1)}")
    _print("start", shown)
    for name, value in ((name, value) for name, several in values.items() for value in several):
        tried = {**setting, name: value}
        quality, shown = score(tried)
        _print(f"{name} {value}", shown)
        if quality > best + _BETTER:
            best, setting = quality, tried
    print(f"\nchosen: {setting}")
    return setting


def _print(name: str, shown: Mapping[str, float]) -> None:
    print(f"| {name} | {' | '.join(f'{number:.4g}' for number in shown.values())} |", flush=True)
