"""Whatever a plugin says or returns becomes text that can be written, or a number, or an error that says what it was."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import Cohort, DataError, PluginError
from bench.core.plain import plain_number, plain_text, writable


class Mute:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error


class Loud(str):
    """A text whose methods are not to be trusted."""

    def split(self, *_: Any) -> Any:
        raise RuntimeError

    def __getitem__(self, _: Any) -> Any:
        return self

    def encode(self, *_: Any) -> Any:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ValueError("no weights in model_\udce9"), "no weights in model_\\udce9"),
        (OSError(2, "not there", b"weights_\xe9.pt".decode("utf-8", "surrogateescape")), "[Errno 2] not there: 'weights_\\udce9.pt'"),
        ("two\nlines\r\n and\ta tab", "two lines and a tab"),
        ("\x1b[31mred\x00\x07", "\\x1b[31mred\\x00\\x07"),
        ("right \u202e to left", "right \\u202e to left"),
        ("\N{GREEK SMALL LETTER EPSILON} = 1, \N{CJK UNIFIED IDEOGRAPH-57FA}", "\N{GREEK SMALL LETTER EPSILON} = 1, \N{CJK UNIFIED IDEOGRAPH-57FA}"),
        (b"\xe9", "b'\\xe9'"),
        (Mute(RuntimeError("no")), "no text: its str() raised RuntimeError"),
        (Mute(SystemExit(3)), "no text: its str() raised SystemExit"),
        (Mute(KeyboardInterrupt()), "no text: its str() raised KeyboardInterrupt"),
        pytest.param(Loud("loud \udcff"), "loud \\udcff", id="loud"),
        (None, "None"),
    ],
)  # fmt: skip
def test_whatever_is_said_becomes_one_line_that_can_be_printed(value: object, text: str) -> None:
    assert plain_text(value) == text
    assert type(plain_text(value)) is str


def test_an_absurdly_long_text_is_cut() -> None:
    assert len(plain_text("\udcff" * 10_000_000, 300)) == 300


@given(st.text(st.characters()))
def test_every_text_can_be_written_and_what_utf8_holds_stays(text: str) -> None:
    writable(text).encode()
    plain_text(text).encode()
    kept = text.encode("utf-8", "ignore").decode() == text
    assert (writable(text) == text) is kept


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.inf, "is inf; expected a finite number, or NaN"),
        (-np.float32("inf"), "is -inf; expected a finite number"),
        (10**400, "is inf; expected a finite number"),
        (1 + 2j, r"is \(1\+2j\); expected one real number"),
        (np.complex64(1), "expected one real number"),
        ("1.0", "is '1.0'; expected one real number"),
        (b"1.0", "expected one real number"),
        (None, "is of type NoneType; expected one real number"),
        (np.array([1.0]), "is an array; expected one number"),
        ([1.0, 2.0], "is an array; expected one number"),
        (object(), "is of type object"),
    ],
)
def test_what_is_no_finite_number_is_said(value: object, words: str) -> None:
    with pytest.raises(PluginError, match=f"the measure {words}|the measure .*{words}"):
        plain_number(value, "the measure")


@pytest.mark.parametrize("value", [1, True, 0.5, np.float32(0.5), np.int64(3), np.array(2.0), Decimal("0.25"), Fraction(1, 4)])  # fmt: skip
def test_numbers_of_every_kind_become_floats(value: Any) -> None:
    assert plain_number(value, "it") == float(value)
    assert type(plain_number(value, "it")) is float
    assert math.isnan(plain_number(np.nan, "it"))


def test_a_cohort_of_complex_numbers_is_refused() -> None:
    with pytest.raises(DataError, match="the values of the matrix are complex numbers; expected real ones"):
        Cohort(X=np.ones((1, 2)) * 1j, y=["a"], genes=("g", "h"), samples=("s",), units="log2")
