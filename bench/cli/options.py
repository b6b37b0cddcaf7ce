"""Options that several commands share, read and checked in one place."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from bench.challenge.archive import RefusedError
from bench.datasets.providers import add_dataset_file, declares_dataset
from bench.registry.finding import add_plugin_file, refuse_namesakes

F = TypeVar("F", bound=Callable[..., Any])

out = click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Folder for all results."
)


def _plugins(_ctx: click.Context, _param: click.Parameter, paths: tuple[Path, ...]) -> None:
    datasets = [path for path in paths if declares_dataset(path)]
    others = [path for path in paths if path not in datasets]
    for add, files in ((add_dataset_file, datasets), (add_plugin_file, others)):
        refuse_namesakes(files)
        for path in files:
            add(path)


plugin = click.option(
    "--plugin",
    type=click.Path(path_type=Path),
    multiple=True,
    is_eager=True,
    expose_value=False,
    callback=_plugins,
    help="Also use the generator, attack, metric or dataset in this file; may be repeated.",
)


def say_problems(path: Path, error: RefusedError) -> None:
    """Print what is wrong with a file of strangers, one line per problem."""
    name = path.name if path.name.isprintable() else ascii(path.name)  # a name may try to steer the terminal
    for problem in error.problems:
        click.echo(f"{name}: {problem}")


_LIMITS = (
    click.option(
        "--max-failures", type=click.IntRange(1), help="Start no new task after so many failed [default: no limit]."
    ),
    click.option(
        "--retries",
        type=click.IntRange(0),
        default=2,
        show_default=True,
        help="How often a task is done again whose process was lost to no fault of its own.",
    ),
    click.option(
        "--memory",
        type=click.FloatRange(min=0, min_open=True),
        help="GB one task may hold, with all it starts [default: no limit].",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        help="Seconds one task may take [default: no limit].",
    ),
    click.option(
        "--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads per job; part of the numbers."
    ),
    click.option("--jobs", type=click.IntRange(1), help="Cells at once [default: cores / threads]."),
)


def limits(function: F) -> F:
    """Add the options of `Limits`, which the command gets as one argument ``limits``."""

    @functools.wraps(function)
    def with_limits(*args: Any, jobs: int | None, threads: int, **others: Any) -> Any:
        # late: commands that run nothing start faster without it
        from bench.execution.base import Limits, default_jobs

        chosen = {name: others.pop(name) for name in ("timeout", "memory", "retries", "max_failures")}
        return function(*args, limits=Limits(default_jobs(jobs, threads), threads, **chosen), **others)

    decorated: Any = with_limits
    for option in _LIMITS:
        decorated = option(decorated)
    return cast("F", decorated)


def _set_device(_ctx: click.Context, _param: click.Parameter, name: str) -> None:
    os.environ["BENCH_DEVICE"] = name  # task processes and what they start inherit it


device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    envvar="BENCH_DEVICE",
    expose_value=False,
    callback=_set_device,
    help="Where neural generators train; auto: a GPU where torch sees one.",
)
