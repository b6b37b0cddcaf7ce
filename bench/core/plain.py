"""Makes plain what a plugin says or returns, where it enters: text that can be written, and numbers that are numbers.

A plugin is a stranger's code. A byte that is no UTF-8 in its message, or an infinite measure, must cost one row and not
the tables of everybody else.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.core.errors import BenchError, PluginError

_LONGEST = 10_000  # characters that are looked at; who wants less says so


def plain_text(value: object, limit: int = _LONGEST) -> str:
    r"""Return what a value says as one line of printable text, whatever it does when it is asked.

    Characters that cannot be shown or written as UTF-8 are escaped.

    >>> plain_text(ValueError("no weights in model_\udce9\n\x1b[31m"))
    'no weights in model_\\udce9 \\x1b[31m'
    """
    try:
        text = str.encode(str(value)[:_LONGEST], "utf-8", "backslashreplace").decode()
    except BaseException as error:
        text = f"no text: its str() raised {type(error).__name__}"
    shown = "".join(c if c.isprintable() or c.isspace() else ascii(c)[1:-1] for c in text)
    return " ".join(shown.split())[:limit]


def writable(text: str) -> str:
    r"""Return text with the characters that UTF-8 cannot hold escaped, and all others as they are.

    >>> writable("model_\udce9")
    'model_\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def plain_number(value: Any, what: str) -> float:
    """Return a plain float: a finite number, or NaN.

    Parameters
    ----------
    value : whatever a plugin returned
    what : how messages call it

    Raises
    ------
    PluginError
        If it is text, an array, a complex number, infinite or too large, or no number at all.
    """
    if np.ndim(value):
        raise PluginError(f"{what} is an array; expected one number.")
    if isinstance(value, str | bytes) or np.iscomplexobj(value):
        raise PluginError(f"{what} is {plain_text(repr(value), 60)}; expected one real number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    except (TypeError, ValueError) as error:
        raise PluginError(f"{what} is of type {type(value).__name__}; expected one real number.") from error
    if math.isinf(number):
        raise PluginError(f"{what} is {number}; expected a finite number, or NaN where it is undefined.")
    return number


def real(values: Any, what: str, kind: type[BenchError] = PluginError) -> Any:
    """Return values as they are, after a check that they are no complex numbers, whose half would be lost.

    Raises
    ------
    BenchError
        Of that kind, if they are complex.
    """
    if np.iscomplexobj(values):
        raise kind(f"{what} are complex numbers; expected real ones.")
    return values
