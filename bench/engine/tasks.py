"""The three kinds of work - draw a synthetic cohort, measure it, attack it - as functions of plain values.

A task runs in a child process, writes its result to the store and returns nothing but a short report, so that any
executor can run it. It never sees the scheduler, and the store is the only way in and out.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.boundary import process_state
from bench.boundary.checks import check_measures, check_scores, intervals_of, plain_claim
from bench.boundary.degenerate import undefined_where_degenerate
from bench.boundary.making import train
from bench.boundary.plain_release import at_resolution
from bench.boundary.views import Insider, candidates, order_of_audit, view_of, view_of_audit
from bench.core.cohort import as_expression
from bench.core.cohort_file import read_records
from bench.core.errors import BenchError, NoLabelsError, PluginError, StoreError
from bench.core.fold_facts import recalled_by
from bench.core.plain import plain_text
from bench.core.records import Records
from bench.core.released import Release, ReleasedModel, as_data
from bench.core.roles import Access, Attack, AttackView, Generator, Metric, Split
from bench.core.seeds import stream
from bench.datasets.foreign_reference import aligned
from bench.engine.fold_facts import FoldFacts
from bench.engine.stopping import StoppedNow
from bench.registry.declarations import PluginInfo
from bench.registry.finding import create
from bench.registry.selection import Choice
from bench.statistics.membership import roc
from bench.store.store import Store

Step = Literal["sample", "metric", "attack"]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Task:
    """One piece of work of a cell, with the key of its result."""

    step: Step
    plugin: PluginInfo
    params: Mapping[str, Any]
    key: str


@dataclass(frozen=True, eq=False)
class CellData:
    """Which people play which role in a cell: row numbers of one stored cohort.

    Parameters
    ----------
    cohort, reference : files of `Store.keep_cohort`; reference may be None
    fitted : rows the generator is fitted on (the train rows, but for the control that releases spare people)
    train, holdout : rows of the two roles
    foreign : likewise; people of elsewhere, who stand in for a reference after they were moved to the release's values
    """

    cohort: Path
    reference: Path | None
    fitted: NDArray[np.intp]
    train: NDArray[np.intp]
    holdout: NDArray[np.intp]
    foreign: Path | None = None


@dataclass(frozen=True)
class Training:
    """One training of an audit, where a fair coin decided for each audited person who was trained on.

    Parameters
    ----------
    run : number of the training, from 0
    always : so many people, the first of the cohort, have no coin and are always trained on
    released : size of the release; the number of people trained on would give a coin away
    """

    run: int
    always: int
    released: int


@dataclass(frozen=True, eq=False)
class Cell:
    """One generator on one fold: everything its tasks need, as values that travel to another process.

    Parameters
    ----------
    maker : the task that draws the sample; None for a release made elsewhere
    audit : where the cell is a training of an audit; its attacks then keep the scores themselves
    outside : steps of the data's making that no claim on them covers
    """

    store: Path
    dataset: str
    seed: int
    fold: int
    generator: str
    sample_key: str
    data: CellData
    maker: Task | None = None
    audit: Training | None = None
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """How one task ended; `reason` says why if it did not end well."""

    task: Task
    status: Literal["ok", "failed", "timeout", "memory", "skipped"]
    reason: str = ""

    @property
    def lost(self) -> bool:
        """True unless it ended well or asked for labels that a release does not have."""
        return self.status != "ok" and self.reason != str(NoLabelsError())


def run_task(cell: Cell, task: Task) -> None:
    """Do one task and write its result to the store.

    Raises
    ------
    Exception
        Whatever the plugin raises; `BenchError` if what it returned breaks the contract.
    """
    begin = {"sample": _sample, "metric": _measure, "attack": _attack}[task.step]
    home = os.getpid()
    _reset_peak()
    programs = programs_peak_mb()
    started = time.perf_counter()
    with process_state.kept():
        body = begin(cell, task)
    _only_in(home)
    body |= {"wall_s": round(time.perf_counter() - started, 4), "peak_mb": _peak_since(programs)}
    Store(cell.store).write(task.key, body)


def _only_in(home: int) -> None:
    """End a copy of the process that a plugin forked and let return: it must not write the result again."""
    if os.getpid() != home:
        os._exit(0)


# -- the three steps -------------------------------------------------------------------------------------------------


def _sample(cell: Cell, task: Task) -> dict[str, Any]:
    home = os.getpid()
    fitted, release, facts = _release(cell, task)
    _only_in(home)
    Store(cell.store).write_sample(task.key, release)
    return {**facts, "claim": plain_claim(fitted)}


def _release(cell: Cell, task: Task) -> tuple[Generator, Release, dict[str, int]]:
    """Fit the generator of a cell and return it with its release and what is counted of that: always the same."""
    people = _cohort(cell.data.cohort).take(cell.data.fitted)
    trained = train(task.plugin, task.params, people, rng=_rng(cell, "fit", task))
    drawing = _rng(cell, "sample", task)
    if task.plugin.released == "model":
        model = trained.release_model(rng=drawing)
        return trained.generator, model, {"parameters": model.n_parameters}
    n = cell.audit.released if cell.audit else len(people)
    _, plain = trained.draw(n, rng=drawing)
    return trained.generator, plain.records, {"n": n, **plain.facts()}


def _rng(cell: Cell, step: Literal["fit", "sample", "metric", "attack"], task: Task) -> np.random.Generator:
    """Return the random numbers of a step: the same whoever does it, and whenever."""
    if cell.audit is None:
        return stream(cell.seed, step, cell.dataset, cell.fold, task.plugin.name)
    label = [Choice(task.plugin, task.params).label] if step == "attack" else []
    return stream(cell.seed, "audit", step, cell.audit.run, *label)


def _measure(cell: Cell, task: Task) -> dict[str, Any]:
    split = _split(cell, exact=_reads_model(task))
    plugin: Metric = create(task.plugin, task.params)
    facts = FoldFacts(Store(cell.store), split)
    with undefined_where_degenerate(_released(cell), split.train), recalled_by(facts):
        values = plugin(split.train, split.holdout, _released(cell), rng=_rng(cell, "metric", task))
        checked = check_measures(task.plugin, values)
        return {"values": checked, "intervals": intervals_of(task.plugin, values)}


def _attack(cell: Cell, task: Task) -> dict[str, Any]:
    if cell.audit:
        return {"scores": _audited_scores(cell, cell.audit, task).tolist()}
    split = _split(cell, exact=_reads_model(task))
    asked = candidates(split, cell.dataset)
    shown = _with_foreign_reference(cell) if cell.data.foreign and "reference" in _access(task) else split
    view = view_of(shown, cell.dataset, _released(cell), _access(task), _insider(cell))
    with undefined_where_degenerate(_released(cell), split.train):
        scores = _scores(cell, task, view)
        curve = roc(scores, asked.member)
    return {
        "readings": [[r.measure, r.value, r.low, r.high] for r in asked.readings(scores)],
        "curve": {"false": curve.false.tolist(), "true": curve.true.tolist()},
    }


def _audited_scores(cell: Cell, audit: Training, task: Task) -> NDArray[np.float64]:
    """Return what an attack makes of the people with a coin; it is asked about the others too, and not told which."""
    people = _people(cell.data.cohort, exact=_reads_model(task))
    order = order_of_audit(len(people), cell.seed, audit.run)
    found = _scores(cell, task, view_of_audit(people, order, _released(cell), _access(task)))
    if np.isnan(found).any():
        raise PluginError(f"attack {task.plugin.name!r} returned NaN for {np.isnan(found).sum()} people.")
    scores = np.empty(len(order))
    scores[order] = found
    return scores[audit.always :]


def _scores(cell: Cell, task: Task, view: AttackView) -> NDArray[np.float64]:
    plugin: Attack = create(task.plugin, task.params)
    found = plugin.score(view, rng=_rng(cell, "attack", task))
    return check_scores(task.plugin, found, len(view.targets))


def _reads_model(task: Task) -> bool:
    """Return whether a task reads a model, which knows people by their exact values, and not data on a grid."""
    return task.plugin.released == "model" or (task.step == "attack" and _access(task) == "white-box")


def _access(task: Task) -> Access:
    access: Access = task.plugin.option("access", "black-box")
    return access


def _insider(cell: Cell) -> Insider | None:
    """Return what an attacker with the generator's code or model gets; a release made elsewhere has neither."""
    maker = cell.maker
    if maker is None:
        return None
    return Insider(lambda: create(maker.plugin, maker.params), lambda: _refitted(cell, maker))


def _refitted(cell: Cell, maker: Task) -> Generator:
    fitted, again, _ = _release(cell, maker)
    if again.digest != _released(cell).digest:
        raise PluginError(
            f"generator {maker.plugin.name!r} fitted again on the same people and stream makes another release, so "
            "that a white-box attacker cannot be given the model that was released. Mend its use of randomness."
        )
    return fitted


# -- loading, once per process ---------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _cohort(path: Path) -> Records:
    return read_records(path)


@lru_cache(maxsize=2)
def _people(path: Path, *, exact: bool) -> Records:
    return _cohort(path) if exact else at_resolution(_cohort(path))


@lru_cache(maxsize=2)
def _split(cell: Cell, *, exact: bool) -> Split:
    """Return the roles of a cell as measures and attacks see them: at the resolution of the release, or exact."""
    cohort = _people(cell.data.cohort, exact=exact)
    reference = _people(cell.data.reference, exact=exact) if cell.data.reference else None
    train, holdout = cohort.take(cell.data.train), cohort.take(cell.data.holdout)
    return Split(train, holdout, cell.fold, cell.seed, reference)


@lru_cache(maxsize=1)
def _with_foreign_reference(cell: Cell) -> Split:
    """Return the roles of a cell with people of elsewhere as the reference, each gene as it is in the release."""
    split, release = _split(cell, exact=False), as_data(_released(cell))
    assert cell.data.foreign is not None
    people = as_expression(_cohort(cell.data.foreign))
    return replace(split, reference=at_resolution(replace(people, X=aligned(people.X, release.X))))


@lru_cache(maxsize=1)
def _released(cell: Cell) -> Release:
    """Return the release of a cell; a model comes with the code of the plugin that made it, which answers for it."""
    release = Store(cell.store).read_sample(cell.sample_key)
    if release is None:
        raise StoreError(f"the release {cell.sample_key[:12]} is not in the store; run the command again.")
    if isinstance(release, ReleasedModel) and cell.maker is not None:
        return release.answered_by(create(cell.maker.plugin, cell.maker.params).predict_proba)
    return release


# -- running several tasks and reporting each ------------------------------------------------------------------------


def run_tasks(cell: Cell, tasks: list[Task], report: Callable[[str, int, str], None]) -> None:
    """Do tasks in turn, reporting ``("start", i, "")`` and ``("ok" | "failed" | "skipped" | "store", i, reason)``.

    This is the task boundary: the one place where any exception of a plugin becomes a report. A store that cannot be
    written is no fault of the plugin and ends the work. What another run has finished meanwhile is not done again.
    """
    home, store = os.getpid(), Store(cell.store)
    for i, task in enumerate(tasks):
        report("start", i, "")
        try:
            if not is_done(store, task):
                run_task(cell, task)
        except StoreError as error:
            report("store", i, str(error))
            return
        except NoLabelsError as error:
            report("skipped", i, str(error))
        except StoppedNow:
            raise
        except BaseException as error:  # a plugin may also raise SystemExit or KeyboardInterrupt
            _only_in(home)
            with contextlib.suppress(Exception):  # a plugin may have put something else in the place of the hook
                sys.excepthook(*sys.exc_info())  # the whole traceback goes to the task's log
            report("failed", i, one_line(error))
        else:
            report("ok", i, "")


def is_done(store: Store, task: Task) -> bool:
    """Return whether the whole result of a task is in the store, and intact."""
    return store.has(task.key) and (task.step != "sample" or store.read_sample(task.key) is not None)


def log_of(cell: Cell, task: Task) -> Path:
    """Return the file that keeps what a task printed when it was last done; it is there if that was anything."""
    return cell.store / "logs" / f"{task.key[:16]}.log"


def one_line(error: BaseException) -> str:
    """Return an exception as one line of at most 300 characters, whatever it does when it is asked for its text."""
    text = plain_text(error) or "no message"
    if isinstance(error, SystemExit):
        return f"the plugin ended the program by sys.exit({text if error.code is not None else ''})"[:300]
    if isinstance(error, KeyboardInterrupt):
        return "the plugin raised KeyboardInterrupt itself; nobody pressed Ctrl-C"
    prefix = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
    return (prefix + text)[:300]


# -- memory ----------------------------------------------------------------------------------------------------------


def _reset_peak() -> None:
    """Start the kernel's record of peak memory afresh, where it can be (Linux)."""
    try:
        with open("/proc/self/clear_refs", "w") as f:  # noqa: PTH123 - a device file of one character
            f.write("5")
    except OSError:
        return


def peak_mb() -> float:
    """Return the peak resident memory of this process in MB since the last reset (or since its start)."""
    try:
        status = Path("/proc/self/status").read_text()
        kilobytes = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
    except (OSError, StopIteration):
        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kilobytes = usage // 1024 if sys.platform == "darwin" else usage
    return round(kilobytes / 1024, 1)


def programs_peak_mb() -> float:
    """Return the peak resident memory, in MB, of the largest program that this process started and saw end."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round((peak // 1024 if sys.platform == "darwin" else peak) / 1024, 1)


def _peak_since(programs: float) -> float:
    """Return the peak of this process, or of a program it ran meanwhile, as a generator made of commands does."""
    ran = programs_peak_mb()
    return max(peak_mb(), ran if ran > programs else 0.0)


def set_threads(threads: int) -> None:
    """Tell every numerical library that will be imported in this process to use so many threads."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
