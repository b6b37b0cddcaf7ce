"""The ledger of a cohort: every release that was ever trained on it, and what all of them spent together.

A line is on the disk before the data are touched, so that a release that was killed, refused or lost has spent its
budget all the same. Nothing is ever taken out of a ledger.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.core.errors import DataError
from bench.core.files import explain_io_errors
from bench.core.roles import PrivacyClaim
from bench.datasets.home import data_home

Event = Literal["begun", "trained", "published", "refused", "failed"]
_CURE = "Name a place that can be written with --ledger"


@dataclass(frozen=True)
class Spent:
    """What all releases of a cohort spent together, by basic composition: epsilons and deltas add up.

    Parameters
    ----------
    releases : how many were begun, whatever became of them, but for those that fail whoever they are given (a parameter
        out of its range), which spend nothing
    epsilon, delta : the sums over those that claim something; of replacing one person where any claim is about that
        (`for_replacing`)
    unbounded : how many claim nothing, or were never heard of again; no epsilon bounds those
    """

    releases: int
    epsilon: float
    delta: float
    unbounded: int


class Ledger:
    """The file that lists the releases of one cohort, one JSON object a line, only ever added to.

    Parameters
    ----------
    path : Path, of the file; it need not exist

    Raises
    ------
    DataError
        If a line cannot be read: nobody knows then what was spent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, digest: str, path: Path | None = None) -> Ledger:
        """Return the ledger of the cohort with this digest: in the data home, unless another place is named."""
        return cls(path or data_home() / "ledgers" / f"{digest[:16]}.jsonl")

    def lines(self) -> list[dict[str, Any]]:
        """Return what was written, oldest first."""
        if not self.path.exists():
            return []
        with explain_io_errors(self.path, _CURE):
            text = self.path.read_text(encoding="utf-8")
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise DataError(
                    f"line {number} of the ledger {self.path} cannot be read ({error}), so that nobody knows what was "
                    "spent. Restore the file from a backup; nothing was released."
                ) from error
        return found

    def write(self, identity: str, event: Event, **facts: Any) -> None:
        """Add a line and put it on the disk."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        line = json.dumps({"release": identity, "event": event, "time": now, **facts}, sort_keys=True) + "\n"
        with explain_io_errors(self.path, _CURE):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else write meanwhile: a budget that is checked is the budget that is spent."""
        with explain_io_errors(self.path, _CURE):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self.path.with_suffix(".lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def must_exist(self) -> Ledger:
        """Return the ledger itself; a file that is named and not there would look as if nothing had been spent.

        Raises
        ------
        DataError
            If there is no such file.
        """
        if not self.path.is_file():
            raise DataError(
                f"there is no ledger {self.path}; name the file that `bench release` wrote, or leave it out."
            )
        return self

    def spent(self) -> Spent:
        """Return what the releases so far spent together."""
        return total(self.lines())


def total(lines: Sequence[Mapping[str, Any]]) -> Spent:
    """Return what the releases in the lines of a ledger spent together."""
    latest: dict[str, dict[str, Any]] = {}
    for line in lines:
        known = latest.setdefault(line["release"], {})
        known.update({name: value for name, value in line.items() if value is not None})
    latest = {identity: found for identity, found in latest.items() if found.get("spent", True)}
    claims = [found.get("claim") for found in latest.values()]
    bounded = [claim for claim in claims if claim]
    budgets = [(float(claim["epsilon"]), float(claim["delta"])) for claim in bounded]
    if any(claim["neighbours"] == "replace-one" for claim in bounded):
        budgets = [
            for_replacing(*budget) if claim["neighbours"] == "add-remove" else budget
            for claim, budget in zip(bounded, budgets, strict=True)
        ]
    epsilon, delta = (math.fsum(parts) for parts in zip(*budgets, strict=True)) if budgets else (0.0, 0.0)
    return Spent(len(latest), epsilon, min(delta, 1.0), len(claims) - len(bounded))


def with_one_more(lines: Sequence[Mapping[str, Any]], claim: PrivacyClaim | None) -> Spent:
    """Return what is spent after another release with this claim."""
    made = None if claim is None else {name: getattr(claim, name) for name in ("epsilon", "delta", "neighbours")}
    return total([*lines, {"release": "one more", "claim": made}])  # no release has such a name: theirs are hex digits


def for_replacing(epsilon: float, delta: float) -> tuple[float, float]:
    """Return what an (epsilon, delta) about adding or removing a person is worth for replacing one.

    To replace is to remove and to add. Over the cohort in between, ``P <= e^epsilon (e^epsilon Q + delta) + delta``:
    epsilon doubles, and delta is multiplied by ``1 + e^epsilon``.
    """
    return 2 * epsilon, min(delta * (1 + math.exp(min(epsilon, 700.0))), 1.0) if delta else 0.0
