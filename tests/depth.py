"""Which cases of a test every change must pass, and which only `tox -e full` runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def in_depth(cases: Iterable[Any], always: Collection[Any]) -> list[Any]:
    """Return the cases as parameters; those that are not in `always` are of the long tests."""
    found = list(cases)
    assert set(always) <= set(found), "a case that must always run is not there"
    return [pytest.param(case, marks=[pytest.mark.full] * (case not in always)) for case in found]
