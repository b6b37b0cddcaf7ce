"""Options that say where a run's work is done."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from bench.errors import BenchError
from bench.executors import Executor, LocalProcesses, Serial

_OPTIONS = (
    click.option(
        "--executor",
        "name",
        type=click.Choice(["local", "serial"]),
        default="local",
        show_default=True,
        help="Where the work is done: child processes here, or this very process (to debug).",
    ),
    click.option("--gpu-jobs", type=click.IntRange(1), help="Fits that share a GPU at once [default: 1]."),
)


def option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --executor and what belongs to it; the function gets one argument, ``executor``."""

    @functools.wraps(function)
    def with_executor(name: str, gpu_jobs: int | None, **others: Any) -> Any:
        return function(executor=_executor(name, gpu_jobs), **others)

    wrapped: Callable[..., Any] = with_executor
    for add in reversed(_OPTIONS):
        wrapped = add(wrapped)
    return wrapped


def _executor(name: str, gpu_jobs: int | None) -> Executor:
    for given, value, owner in (("--gpu-jobs", gpu_jobs, "local"),):
        if value is not None and name != owner:
            raise BenchError(f"{given} belongs to --executor {owner}, not to {name}; leave one of them out.")
    if name == "serial":
        return Serial()
    return LocalProcesses(gpu_jobs or 1)
