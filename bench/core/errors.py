"""Every error that a user can cause, so that the command line shows one clear message instead of a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Something the user can mend; the message says what was wrong, what was expected and what to do.

    The other errors of the harness are kinds of it, so a script catches one class.

    Examples
    --------
    >>> from bench import BenchError, load_dataset
    >>> try:
    ...     load_dataset("brac")
    ... except BenchError as error:
    ...     print(error)
    there is no dataset 'brac'. Did you mean 'brca'? `bench data list` shows all of them, and `bench data import` adds
    your own.
    """


class DataError(BenchError):
    """A cohort, file or split that cannot be used as it is.

    Examples
    --------
    >>> from bench import Cohort
    >>> Cohort(X=[[1.0, float("nan")]], y=["a"], genes=["G1", "G2"], samples=["s1"], units="log2")
    Traceback (most recent call last):
    bench.core.errors.DataError: sample 's1', gene 'G2' is nan; expected a finite number everywhere. ...
    """


class PluginError(BenchError):
    """A generator, attack or metric that breaks the contract, or a name that is not known.

    Examples
    --------
    >>> from bench.registry import find
    >>> find("generator", "smot")
    Traceback (most recent call last):
    bench.core.errors.PluginError: there is no generator 'smot'. Did you mean 'smote'? ...
    """


class StoreError(BenchError):
    """The result store, or a file made from it, cannot be read or written.

    Examples
    --------
    >>> from bench import load_results
    >>> load_results("brca", out="nowhere")
    Traceback (most recent call last):
    bench.core.errors.StoreError: there are no rows of 'brca' in nowhere/rows; it holds none. ...
    """


class StoppedError(BenchError):
    """A run that was stopped by a signal before it was done.

    Parameters
    ----------
    why : str, what stopped it, in words
    signal : int, the number of the signal
    kept, total : int, tasks whose result is in the store, and tasks of the plan
    """

    def __init__(self, why: str, signal: int, *, kept: int, total: int) -> None:
        self.signal = signal
        super().__init__(f"Stopped by {why}. {kept} of {total} tasks are in the store and kept.")


class NoLabelsError(BenchError):
    """A measure or an attack asked for the labels of a release that has none."""

    def __init__(self) -> None:
        super().__init__("no labels: the release came without class labels, and this asks for them")


class MissingExtraError(BenchError):
    """A library that lives in an optional extra is not installed.

    Parameters
    ----------
    what : str, what needs it
    package, extra : str, the library, and the extra of this package that brings it

    Examples
    --------
    >>> from bench import MissingExtraError
    >>> raise MissingExtraError("reading a.h5ad", "anndata", "h5ad")
    Traceback (most recent call last):
    bench.core.errors.MissingExtraError: reading a.h5ad needs the package 'anndata', which is not installed. ...
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'omics-bench[{extra}]'"
        )


def near_name(wrong: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, or an empty string.

    >>> near_name("brac", ["brca", "combined"])
    " Did you mean 'brca'?"
    """
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
