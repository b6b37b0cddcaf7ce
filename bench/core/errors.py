"""Every error that a user can cause, so that the command line shows one clear message instead of a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Something the user can mend; the message says what was wrong, what was expected and what to do."""


class DataError(BenchError):
    """A cohort, file or split that cannot be used as it is."""


class PluginError(BenchError):
    """A generator, attack or metric that breaks the contract, or a name that is not known."""


class StoreError(BenchError):
    """The result store cannot be read or written."""


class StoppedError(BenchError):
    """A run that was asked to stop before it was done; `signal` is what asked."""

    def __init__(self, why: str, signal: int, *, kept: int, total: int) -> None:
        self.signal = signal
        super().__init__(f"Stopped by {why}. {kept} of {total} tasks are in the store and kept.")


class MissingExtraError(BenchError):
    """A library that lives in an optional extra is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'omics-bench[{extra}]'"
        )


def near_name(wrong: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
