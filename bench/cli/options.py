"""Options that several commands share, read and checked in one place."""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from rich.console import Console

from bench.challenge.archive import RefusedError
from bench.core.errors import BenchError, near_name
from bench.datasets.known.providers import add_dataset_file, declares_dataset
from bench.registry.declarations import KINDS, Kind
from bench.registry.finding import add_plugin_file, plugins, refuse_namesakes

console = Console(stderr=True)  # where commands say what they do
_FILES = "bench.plugin_files"  # in what click keeps of a command in progress
_WIDTH = 200  # of a line in a file or a pipe
F = TypeVar("F", bound=Callable[..., Any])

out = click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Folder for all results."
)


def _plugins(ctx: click.Context, _param: click.Parameter, paths: tuple[Path, ...]) -> None:
    datasets = [path for path in paths if declares_dataset(path)]
    others = [path for path in paths if path not in datasets]
    for add, files in ((add_dataset_file, datasets), (add_plugin_file, others)):
        refuse_namesakes(files)
        for path in files:
            add(path)
    ctx.meta[_FILES] = paths


def plugin_files() -> tuple[Path, ...]:
    """Return the files that the command in progress was given by ``--plugin``, as they were typed."""
    files: tuple[Path, ...] = click.get_current_context().meta.get(_FILES, ())
    return files


plugin = click.option(
    "--plugin",
    type=click.Path(path_type=Path),
    multiple=True,
    is_eager=True,
    expose_value=False,
    callback=_plugins,
    help="Also use the generator, attack, metric or dataset in this file; may be repeated.",
)


# -- run files ---------------------------------------------------------------------------------------------------------


def _read_config(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    """Take what the command line leaves out from a TOML file, whose keys are called like the options."""
    if path is None:
        return
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(
            f'the run file {path} cannot be read: {error}. Expected TOML, such as folds = "1,2".'
        ) from error
    known = {o.lstrip("-"): p for p in ctx.command.params for o in (*p.opts, *p.secondary_opts) if p.name != "config"}
    if unknown := [key for key in table if key.replace("_", "-") not in known]:
        near = near_name(unknown[0], known)
        raise BenchError(f"the run file {path} has {unknown[0]!r}, which is no option of this command.{near}")
    found = {known[key.replace("_", "-")]: value for key, value in table.items()}
    ctx.default_map = {str(p.name): _as_option(p, value) for p, value in found.items()} | dict(ctx.default_map or {})


def _as_option(param: click.Parameter, value: Any) -> Any:
    """Return a value of TOML as the command line has it: lists with commas, unless the option may be repeated."""
    if isinstance(value, list) and not param.multiple:
        return ",".join(map(str, value))
    return value


config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help='A TOML file with options that are not on the command line: folds = "1,2".',
)


# -- completion --------------------------------------------------------------------------------------------------------


def completes(*names_of: Callable[[], Iterable[str]]) -> Callable[..., list[str]]:
    """Return what completes the last of several names with commas between them."""

    def complete(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
        before, comma, last = typed.rpartition(",")
        names = sorted({name for of in names_of for name in of()})
        return [f"{before}{comma}{name}" for name in names if name.startswith(last)]

    return complete


def _plugins_of(kind: Kind) -> Callable[[], Iterable[str]]:
    return lambda: [*plugins(kind), "all"]


def _dataset_names() -> Iterable[str]:
    from bench.datasets import dataset_names  # late: it looks at the disk

    return dataset_names()


complete_generators = completes(_plugins_of("generator"))
complete_attacks = completes(_plugins_of("attack"))
complete_metrics = completes(_plugins_of("metric"))
complete_datasets = completes(_dataset_names)
complete_plugin = completes(*(_plugins_of(kind) for kind in KINDS))


# -- what is printed ---------------------------------------------------------------------------------------------------


def _set_quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        console.quiet = True
        ctx.call_on_close(lambda: setattr(console, "quiet", False))  # it is said to one command, not to the process


quiet = click.option(
    "--quiet", is_flag=True, expose_value=False, callback=_set_quiet, help="Print results and errors only."
)


def wide_console(*, stderr: bool = False) -> Console:
    """Return a console whose lines nothing cuts in a file or a pipe, unless COLUMNS says how wide it is."""
    narrow = Console(stderr=stderr)
    if narrow.is_terminal or os.environ.get("COLUMNS", "").isdecimal():
        return narrow
    return Console(stderr=stderr, width=_WIDTH)


def say_problems(path: Path, error: RefusedError) -> None:
    """Print what is wrong with a file of strangers, one line per problem."""
    name = path.name if path.name.isprintable() else ascii(path.name)  # a name may try to steer the terminal
    for problem in error.problems:
        click.echo(f"{name}: {problem}")


_LIMITS = (
    click.option(
        "--max-failures", type=click.IntRange(1), help="Start no new task after this many failures [default: no limit]."
    ),
    click.option(
        "--retries",
        type=click.IntRange(0),
        default=2,
        show_default=True,
        help="How often a task is tried again if its process was lost through no fault of its own.",
    ),
    click.option(
        "--memory",
        type=click.FloatRange(min=0, min_open=True),
        help="GB one task may hold, with all processes it starts [default: no limit].",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        help="Seconds one task may take [default: no limit].",
    ),
    click.option(
        "--threads",
        type=click.IntRange(1),
        default=2,
        show_default=True,
        help="Threads per task; numbers depend on it.",
    ),
    click.option(
        "--jobs", type=click.IntRange(1), help="Cells (a generator on a fold) at once [default: cores / threads]."
    ),
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
