"""Says where in a user's file an error arose, and what beginners usually mean by it."""

from __future__ import annotations

import traceback
from pathlib import Path

from bench.core.errors import BenchError

_LIMIT = 500
# what NumPy and Python say, and what it means to the author of a plugin
_HINTS = (
    ("read-only", "the matrices that are handed in must stay as they are: work on a copy, X = cohort.X.copy()"),
    ("No module named", 'install it, and declare it as needs=("its_import_name",) so that others are told'),
    ("Generator' object has no attribute 'rand'", "a numpy Generator has random(), integers(), normal(), choice()"),
    ("Generator' object has no attribute 'randn'", "a numpy Generator has standard_normal() and normal()"),
    ("Generator' object has no attribute 'randint'", "a numpy Generator has integers()"),
    ("PrivacyClaim.__init__() missing", "a claim names its mechanism, unit, neighbours, epsilon, delta and accountant"),
    (
        "'AttackView' object has no",
        "a view has synthetic, targets, genes and what `access` grants; membership is not in it",
    ),
    ("'NoneType'", "in an attack, a field of the view that `access` does not grant is None"),
    ("mutable default", "a hyper-parameter's default is a number, a text, True, False or None"),
    ("seed", "rng is a numpy Generator; for a library that wants a seed there is bench.integer_seed(rng)"),
)


def explain(error: BaseException, path: Path) -> str:
    """Return an error as one line: what it says, the line of the file it came through, and a hint where one is known.

    Parameters
    ----------
    error : what was raised
    path : the user's file, whose lines are named
    """
    text = " ".join(str(error).split()) or "no message"
    if not isinstance(error, BenchError):
        text = f"{type(error).__name__}: {text}"
    text = text if len(text) <= _LIMIT else f"{text[:_LIMIT]} ..."
    if place := _place(error, path):
        text = f"{text} ({place})"
    hint = next((hint for words, hint in _HINTS if words in str(error)), "")
    return f"{text} - {hint}." if hint else text


def _place(error: BaseException, path: Path) -> str:
    """Return the last line of the file that the error passed, or an empty text if it did not pass it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    if not frames:
        return ""
    frame = frames[-1]
    return f"{path.name}, line {frame.lineno}: {frame.line}" if frame.line else f"{path.name}, line {frame.lineno}"
