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
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort_file import read_records
from bench.core.errors import BenchError, NoLabelsError, PluginError, StoreError
from bench.core.fold_facts import recalled_by
from bench.core.plain import plain_number, plain_text, real
from bench.core.records import Records
from bench.core.released import Release, ReleasedModel
from bench.core.roles import Access, Attack, AttackView, Generator, Metric, PrivacyClaim, Split, claim_of
from bench.core.seeds import stream
from bench.engine import process_state as surroundings
from bench.engine.degenerate import undefined_where_degenerate
from bench.engine.fold_facts import FoldFacts
from bench.engine.handing_over import handed_over
from bench.engine.plain_release import at_resolution, plain_release
from bench.engine.stopping import StoppedNow
from bench.engine.views import Insider, candidates, order_of_audit, view_of, view_of_audit
from bench.registry.declarations import PluginInfo
from bench.registry.finding import create
from bench.registry.selection import Choice
from bench.statistics.membership import roc
from bench.store.store import Store

Step = Literal["sample", "metric", "attack"]


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
    """

    cohort: Path
    reference: Path | None
    fitted: NDArray[np.intp]
    train: NDArray[np.intp]
    holdout: NDArray[np.intp]


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
    with surroundings.kept():
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
    return {**facts, "claim": _claim(fitted)}


def _release(cell: Cell, task: Task) -> tuple[Generator, Release, dict[str, int]]:
    """Fit the generator of a cell and return it with its release and what is counted of that: always the same.

    Data come plain, as `bench.engine.plain_release` says. A model is kept to the last bit: its answers must not change.
    """
    cohort = handed_over(_cohort(cell.data.cohort).take(cell.data.fitted))
    n = cell.audit.released if cell.audit else len(cohort)
    fitted: Any = create(task.plugin, task.params).fit(cohort, rng=_rng(cell, "fit", task))
    if task.plugin.released == "model":
        model = check_model(fitted.release(rng=_rng(cell, "sample", task)), like=cohort)
        return fitted, model, {"parameters": model.n_parameters}
    synthetic = fitted.sample(n, rng=_rng(cell, "sample", task))
    check_sample(synthetic, like=cohort, n=n)
    plain = plain_release(synthetic, like=cohort)
    return fitted, plain.records, {"n": n, **plain.facts()}


def _rng(cell: Cell, step: Literal["fit", "sample", "metric", "attack"], task: Task) -> np.random.Generator:
    """Return the random numbers of a step: the same whoever does it, and whenever."""
    if cell.audit is None:
        return stream(cell.seed, step, cell.dataset, cell.fold, task.plugin.name)
    label = [Choice(task.plugin, task.params).label] if step == "attack" else []
    return stream(cell.seed, "audit", step, cell.audit.run, *label)


def check_sample(synthetic: Any, *, like: Records, n: int) -> None:
    """Check that what a generator returned is a synthetic cohort of the training cohort's kind.

    Raises
    ------
    PluginError
        If it is no cohort, or differs in size, genes, their order or units, or has a label that was never seen.
    """
    if not isinstance(synthetic, type(like)):
        raise PluginError(
            f"sample returned {type(synthetic).__name__}; expected a {type(like).__name__} (use "
            "cohort.synthetic(X, y))."
        )
    if len(synthetic) != n:
        raise PluginError(f"sample({n}) returned {len(synthetic)} samples; expected {n}.")
    if synthetic.genes != like.genes:
        raise PluginError(f"sample returned {_other_genes(synthetic, like)}. cohort.synthetic(X, y) keeps them.")
    if synthetic.units != like.units:
        raise PluginError(f"sample returned units {synthetic.units!r}; expected {like.units!r}.")
    if not synthetic.has_labels:
        raise PluginError("sample returned no labels; expected one for each sample, as the training cohort has.")
    if unknown := sorted(set(map(str, synthetic.y)) - set(map(str, like.y))):
        known = ", ".join(map(repr, like.classes[:4].tolist()))
        raise PluginError(
            f"sample returned the label {unknown[0]!r}, which the training cohort does not have; expected the texts of "
            f"cohort.y ({known} ...), not their numbers."
        )


def check_model(model: Any, *, like: Records) -> ReleasedModel:
    """Return what a generator released as a model, after a check that it fits the people it was trained on.

    Raises
    ------
    PluginError
        If it is no model, has other features than the training people, or a class that was never seen.
    """
    if not isinstance(model, ReleasedModel):
        raise PluginError(f"release returned {type(model).__name__}; expected a ReleasedModel.")
    if model.features != like.features:
        raise PluginError(
            f"release returned a model of {len(model.features)} features that are not the {len(like.features)} of the "
            "training cohort in their order; give it features=cohort.features."
        )
    if unknown := sorted(set(model.classes) - set(map(str, like.y))):
        raise PluginError(f"release returned a model with the class {unknown[0]!r}, which no training label has.")
    return model


def _other_genes(synthetic: Records, like: Records) -> str:
    if sorted(synthetic.genes) != sorted(like.genes):
        return f"{synthetic.n_genes} other genes than the {like.n_genes} of the training cohort"
    i = next(i for i, pair in enumerate(zip(synthetic.genes, like.genes, strict=True)) if pair[0] != pair[1])
    return f"another order of genes than training has: number {i + 1} is {synthetic.genes[i]!r}, not {like.genes[i]!r}"


def _claim(fitted: Generator) -> dict[str, Any] | None:
    claim = claim_of(fitted)
    if claim is None:
        return None
    if not isinstance(claim, PrivacyClaim):
        raise PluginError(f"claim() returned {type(claim).__name__}; expected a PrivacyClaim or None.")
    texts = {name: plain_text(vars(claim)[name]) for name in ("mechanism", "unit", "neighbours", "accountant")}
    budget = {"epsilon": float(claim.epsilon), "delta": float(claim.delta)}
    lists = {name: [plain_text(text) for text in vars(claim)[name]] for name in ("outside", "public")}
    return {**texts, **budget, **lists}


def _measure(cell: Cell, task: Task) -> dict[str, Any]:
    split = _split(cell, exact=_reads_model(task))
    plugin: Metric = create(task.plugin, task.params)
    facts = FoldFacts(Store(cell.store), split)
    with undefined_where_degenerate(_released(cell), split.train), recalled_by(facts):
        values = plugin(split.train, split.holdout, _released(cell), rng=_rng(cell, "metric", task))
        return {"values": check_measures(task.plugin, values)}


def check_measures(info: PluginInfo, values: object) -> dict[str, float]:
    """Return the measures a metric gave as plain floats, after a check against its declaration.

    Raises
    ------
    PluginError
        If a declared measure is missing, another one is there, or a value is infinite, no number or outside its
        declared bounds.
    """
    names = [m.name for m in info.measures]
    if not isinstance(values, Mapping):
        gave = type(values).__name__
        raise PluginError(f"metric {info.name!r} returned {gave}; expected a dictionary with {', '.join(names)}.")
    if set(values) != set(names):
        wrong = sorted(map(plain_text, set(values) ^ set(names)))
        raise PluginError(
            f"metric {info.name!r} declares {', '.join(names)}, but differs in what it returned: {wrong}."
        )
    plain = {name: plain_number(values[name], f"metric {info.name!r}: {name}") for name in names}
    for m in info.measures:
        if not (np.isnan(value := plain[m.name]) or m.low - 1e-9 <= value <= m.high + 1e-9):
            raise PluginError(f"metric {info.name!r}: {m.name} is {value}, outside its bounds {m.low} to {m.high}.")
    return plain


def _attack(cell: Cell, task: Task) -> dict[str, Any]:
    if cell.audit:
        return {"scores": _audited_scores(cell, cell.audit, task).tolist()}
    split = _split(cell, exact=_reads_model(task))
    asked = candidates(split, cell.dataset)
    view = view_of(split, cell.dataset, _released(cell), _access(task), _insider(cell))
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
    scores = np.asarray(real(found, f"attack {task.plugin.name!r}: the scores"), dtype=np.float64)
    if scores.shape != (n := (len(view.targets),)):
        raise PluginError(f"attack {task.plugin.name!r} returned shape {scores.shape}; expected {n}.")
    return scores


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
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.environ[name] = str(threads)
