"""Runs one check of a plugin and says in words what it found: the error, the line of the user's file, and a hint."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

from bench.core.errors import BenchError
from bench.core.plain import plain_text
from bench.engine.stopping import StoppedNow
from bench.engine.tasks import one_line

T = TypeVar("T")

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


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was checked, what is wrong (empty if nothing is), and what else there is to say."""

    check: str
    problem: str
    note: str = ""


def observe(check: Callable[[T], None], subject: T, path: Path | None) -> Finding:
    """Return what a check of a subject found; what it printed becomes a note, and errors name their line of `path`."""
    title = (check.__doc__ or check.__name__).strip().rstrip(".")
    printed, problem = io.StringIO(), ""
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            with _real_ctrl_c():
                check(subject)
        except StoppedNow:
            raise
        except BaseException as error:
            problem = explain(error, path) if path else one_line(error)
    lines = printed.getvalue().splitlines()
    note = f"it printed {lines[0][:60]!r} (lines: {len(lines)}); in a run that goes to the log" if lines else ""
    return Finding(title, problem, note)


@contextlib.contextmanager
def _real_ctrl_c() -> Iterator[None]:
    """Raise `StoppedNow` in the block when the user presses Ctrl-C: any other `KeyboardInterrupt` is a plugin's own."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise StoppedNow

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def explain(error: BaseException, path: Path) -> str:
    """Return an error as one line: what it says, the line of the file it came through, and a hint where one is known.

    Parameters
    ----------
    error : what was raised
    path : the user's file, whose lines are named
    """
    text = said = plain_text(error) or "no message"
    if isinstance(error, SystemExit | KeyboardInterrupt):
        text = one_line(error)
    elif not isinstance(error, BenchError):
        text = f"{type(error).__name__}: {text}"
    text = text if len(text) <= _LIMIT else f"{text[:_LIMIT]} ..."
    if place := _place(error, path):
        text = f"{text} ({place})"
    hint = next((hint for words, hint in _HINTS if words in said), "")
    return f"{text} - {hint}." if hint else text


def _place(error: BaseException, path: Path) -> str:
    """Return the last line of the file that the error passed, or an empty text if it did not pass it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    if not frames:
        return ""
    frame = frames[-1]
    return f"{path.name}, line {frame.lineno}: {frame.line}" if frame.line else f"{path.name}, line {frame.lineno}"
