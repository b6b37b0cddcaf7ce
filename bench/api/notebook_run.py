"""Carries out a run in a process that lives on, such as a notebook's: what `bench.api` needs beside the engine."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from bench.core.errors import BenchError
from bench.core.formatting import counted
from bench.datasets import Dataset
from bench.execution import Executor
from bench.execution.base import default_jobs
from bench.execution.display import RunProgress
from bench.execution.forkserver import fresh_server, main_script_hidden
from bench.execution.runner import Limits, execute
from bench.execution.session import Planner, Request, prepare
from bench.registry import digests
from bench.registry.declarations import Kind
from bench.registry.finding import add_plugin_file, refuse_namesakes
from bench.registry.selection import Choice, choose, whole_numbers
from bench.report.leaderboard import publish
from bench.report.notebook import Results

Names = str | Collection[str]
Numbers = int | str | Collection[int]
_LONGEST = 60  # letters of an argument in the record of a call


@dataclass(frozen=True)
class Options:
    """What every call may say beside what is run on what; plugin files are read again when it is made.

    Parameters
    ----------
    call : the call in words, for the record
    splits, out, plugins, executor, limits, device, progress : as for `bench.api.run`
    """

    call: str
    splits: Path | None
    out: str | Path
    plugins: Iterable[str | Path]
    executor: Executor | None
    limits: Limits
    device: str | None
    progress: bool

    @classmethod
    def of(cls, function: Callable[..., Any], asked: Mapping[str, Any]) -> Options:
        """Return the options among the arguments of a call.

        Parameters
        ----------
        function : `bench.api.run` or `bench.api.score`
        asked : all its arguments, by name
        """
        jobs = default_jobs(asked["jobs"], asked["threads"])
        limits = Limits(jobs, *(asked[name] for name in ("threads", "timeout", "memory", "retries", "max_failures")))
        own = {name: asked[name] for name in ("out", "plugins", "executor", "device", "progress")}
        splits = None if asked["splits"] is None else Path(asked["splits"])
        return cls(call=call_text(function, asked), splits=splits, limits=limits, **own)

    def __post_init__(self) -> None:
        digests.forget()
        paths = list(map(Path, self.plugins))
        refuse_namesakes(paths)
        for path in paths:
            sys.modules.pop(f"bench_plugin_{path.stem}", None)
            add_plugin_file(path)

    def request(
        self,
        *,
        seeds: list[int],
        folds: list[int] | None,
        attacks: list[Choice],
        chosen: Sequence[Choice] = (),
        pictures: bool = True,
    ) -> Request:
        """Return the request of the call."""
        return Request(
            seeds=seeds,
            folds=folds,
            splits=self.splits,
            limits=self.limits,
            out=Path(self.out).resolve(),  # the notebook may go to another folder later
            attacks=attacks,
            executor=self.executor,
            command=self.call,
            chosen=chosen,
            pictures=pictures,
        )

    def say(self, text: str) -> None:
        """Print a sentence, unless nobody wants to hear."""
        if self.progress:
            _console().print(text, markup=False, highlight=False, soft_wrap=True)


def carry_out(dataset: Dataset, request: Request, planner: Planner, options: Options) -> Results:
    """Plan, run and publish one dataset, and return what the folder of results then holds about it."""
    session = prepare(dataset, request, planner)
    if session.left_out:
        options.say(f"left out, because {dataset.name} has no reference set: {', '.join(session.left_out)}")
    console, limits = _console(quiet=not options.progress), request.limits
    with _device(options.device), main_script_hidden():
        fresh_server(limits.threads)
        store = session.scope.store
        with RunProgress(session.plan, session.todo, store, limits.jobs, console, command=request.command) as progress:
            outcome = execute(session.plan, session.todo, store, limits, progress, request.executor)
        rows, _ = publish(session, outcome)
    stopped = f"; stopped: {outcome.stopped}" if outcome.stopped else ""
    computed = f"{counted(outcome.computed, 'task')} computed"
    options.say(f"{computed}, {outcome.cached} from the store, {outcome.lost} lost{stopped}")
    return Results(rows, computed=outcome.computed, cached=outcome.cached, lost=outcome.lost)


def _console(*, quiet: bool = False) -> Console:
    """Return where to say how it goes: plain lines on standard output, not one HTML block per line."""
    return Console(file=sys.stdout, force_jupyter=False, force_terminal=sys.stdout.isatty(), quiet=quiet)


@contextlib.contextmanager
def _device(name: str | None) -> Iterator[None]:
    before = os.environ.get("BENCH_DEVICE")
    if name is not None:
        os.environ["BENCH_DEVICE"] = name
    try:
        yield
    finally:
        if name is not None:
            os.environ.pop("BENCH_DEVICE")
            os.environ |= {} if before is None else {"BENCH_DEVICE": before}


# -- arguments ---------------------------------------------------------------------------------------------------------


def choices(kind: Kind, names: Names) -> list[Choice]:
    """Return the plugins that a text, or a list of texts, names; an empty list names none."""
    return choose(kind, names if isinstance(names, str) else ",".join(names) or "none")


def numbers_in(given: Numbers, what: str) -> list[int]:
    """Return the whole numbers that one, several or a text such as ``"1-3"`` stand for.

    Raises
    ------
    BenchError
        If they are no whole numbers.
    """
    if isinstance(given, str):
        return whole_numbers(given, what)
    several = [given] if isinstance(given, int | np.integer) else list(given)
    if not several or any(isinstance(n, bool) or int(n) != n for n in several):
        raise BenchError(
            f"{what}={given!r} cannot be read; expected whole numbers, one or several, or a text as '1-3'."
        )
    return [int(n) for n in several]


def call_text(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """Return a call as one would write it, defaults left out and tables by their type alone."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
    said = {name: value for name, value in arguments.items() if value is not defaults[name]}
    return f"bench.{function.__name__}({', '.join(f'{name}={_short(value)}' for name, value in said.items())})"


def _short(value: Any) -> str:
    if isinstance(value, str | Path | int | float | list | tuple):
        text = repr(str(value) if isinstance(value, Path) else value)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return f"<{getattr(value, 'name', None) or type(value).__name__}>"
