"""Classes of a release at rates that somebody declared, and not at those that the generator learnt.

Rows are drawn as the generator makes them, more than are needed, and each class keeps as many, by chance, as were
asked for. Whoever has a fitted generator may draw as often as they like: no budget is spent by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from bench.boundary.making import Trained
from bench.boundary.plain_release import Plain, plain_release
from bench.core.errors import BenchError, near_name
from bench.core.formatting import counted
from bench.core.records import Records

EQUAL = "equal"
MOST = 100  # times as many rows are drawn, before a class is given up
LEAST_DRAWN = 20_000  # rows, however few are asked for
_VALUES = 1 << 27  # in one draw: half a gigabyte
_SLACK = 1e-6  # of a sum of shares written with few digits
_SPARE = 1.1  # more than are expected to be needed, so that one draw more is rarely needed


class MissingClassError(BenchError):
    """A generator that makes too few rows of a class that was asked for."""


def read_rates(text: str, classes: Sequence[str]) -> dict[str, float]:
    """Return the share of each class in a text such as ``"a=0.5,b=0.5"``; nothing for an empty one.

    A share may be a fraction; ``"equal"`` means the same for each; a class that is left out gets none. A name may hold
    commas, and ``=`` in its last part: a share stands between the last ``=`` before a comma and that comma.

    Parameters
    ----------
    classes : those of the people

    Raises
    ------
    BenchError
        If a class is unknown or named twice, a share is no number from 0 to 1, or they do not add up to 1.

    Examples
    --------
    >>> read_rates("a=0.25,c=3/4", ["a", "b", "c"])
    {'a': 0.25, 'b': 0.0, 'c': 0.75}
    """
    if text == EQUAL:
        return {name: 1 / len(classes) for name in classes}
    found: dict[str, float] = {}
    for name, share in _pairs(text):
        if name not in classes:
            known = ", ".join(classes)
            raise BenchError(
                f"--class-rates names the class {name!r}, which no person has.{near_name(name, classes)} The classes "
                f"are {known}."
            )
        if name in found:
            raise BenchError(f"--class-rates names the class {name!r} twice; give one share of the rows for each.")
        found[name] = _share(name, share)
    if found and abs(sum(found.values()) - 1) > _SLACK:
        raise BenchError(
            f"the shares of --class-rates add up to {sum(found.values()):.6g}; expected 1. Fractions such as 1/3 are "
            f"taken too, and `--class-rates {EQUAL}` gives each class the same."
        )
    return {name: found.get(name, 0.0) for name in classes} if found else {}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield names with their shares as they were typed."""
    begun = ""
    for part in text.split(",") if text else ():
        begun += part
        name, given, share = begun.rpartition("=")
        if not given:
            begun += ","  # it belongs to a name
            continue
        yield name.strip(), share.strip()
        begun = ""
    if begun:
        raise BenchError(
            f"--class-rates {text!r} gives no share to {begun.strip(', ')!r}; expected CLASS=SHARE,CLASS=SHARE such as "
            f"a=0.5,b=0.5, or {EQUAL}."
        )


def _share(name: str, text: str) -> float:
    try:
        share = float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        share = -1.0
    if not 0 <= share <= 1:
        raise BenchError(
            f"--class-rates gives {name!r} the share {text!r}; expected a number from 0 to 1, or a fraction such "
            "as 1/3."
        )
    return share


def reasons_of_rates(rates: Mapping[str, float], rows: int) -> Iterator[str]:
    """Yield which classes would get no row at all although they were asked for.

    Parameters
    ----------
    rows : how many there will be, at least
    """
    for name, share in rates.items():
        if 0 < share * rows < 1 - _SLACK:
            yield (
                f"--class-rates gives {name!r} a share of {share:.4g}, which of {rows} rows is less than one. Ask for "
                f"at least {int(np.ceil(1 / share))} with --rows, or leave the class out."
            )


def rows_of_classes(rates: Mapping[str, float], n: int) -> dict[str, int]:
    """Return how many of n rows each class gets: those of its share, by largest remainder.

    Examples
    --------
    >>> rows_of_classes({"a": 0.5, "b": 0.25, "c": 0.25}, 10)
    {'a': 5, 'b': 3, 'c': 2}
    """
    exact = n * np.array(list(rates.values()))
    whole = np.floor(exact + _SLACK).astype(int)
    largest = np.argsort(whole - exact, kind="stable")[: n - whole.sum()]
    whole[largest] += 1
    return {name: int(count) for name, count in zip(rates, whole, strict=True)}


def draw_classes(
    trained: Trained, wanted: Mapping[str, int], rng: np.random.Generator, say: Callable[[str], None]
) -> tuple[Records, Plain]:
    """Return rows of a fitted generator, as it made them and made plain, as many of each class as are wanted.

    Parameters
    ----------
    wanted : rows by class; none of those that are not named

    Raises
    ------
    MissingClassError
        If the generator makes so few rows of a class that the most that is ever drawn does not hold them.
    """
    n = sum(wanted.values())
    most, widest = max(MOST * n, LEAST_DRAWN), max(1, _VALUES // trained.people.X.shape[1])
    left, seen, step = +Counter(wanted), Counter[str](), n
    X, y = [], []
    while left:
        drawn = seen.total()
        if drawn >= most:
            raise MissingClassError(_too_few(left, wanted, drawn))
        step = min(step, widest, most - drawn)
        raw, _ = trained.draw(step, rng=rng)
        rows = np.concatenate([rng.permutation(np.flatnonzero(raw.y == name))[:count] for name, count in left.items()])
        taken = list(map(str, raw.y[rows]))
        X.append(raw.X[rows])
        y.extend(taken)
        left, seen = left - Counter(taken), seen + Counter(map(str, raw.y))
        say(f"drawing classes at their declared rates: {len(y)} of {n} rows")
        step = _next_step(left, seen, step)
    raw = trained.people.synthetic(np.concatenate(X), y)
    return raw, plain_release(raw, like=trained.people)


def _next_step(left: Counter[str], seen: Counter[str], last: int) -> int:
    """Return how many rows hold what is left, by what was seen; twice the last time if a class was never seen.

    Some generators divide n rows among the classes by rounding, so that only a larger n holds the rarest.
    """
    if any(not seen[name] for name in left):
        return 2 * last
    return int(np.ceil(max((_SPARE * seen.total() * count / seen[name] for name, count in left.items()), default=0)))


def _too_few(left: Counter[str], wanted: Mapping[str, int], drawn: int) -> str:
    ((name, count),) = left.most_common(1)
    made = wanted[name] - count
    return (
        f"the generator made {counted(made, 'row') if made else 'no row'} of class {name!r} among {drawn:,} that were "
        f"drawn, and --class-rates asks for {wanted[name]}. Leave the class out, ask for fewer of it, or use another "
        "generator; the budget is spent."
    )
