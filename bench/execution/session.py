"""One run over one dataset, from a request to its plan: what the command line and the Python API share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.errors import DataError
from bench.core.roles import Split
from bench.datasets import Dataset
from bench.datasets.folds import N_FOLDS, folds_that_fit, make_splits, read_splits
from bench.datasets.per_fold import split_in_fold
from bench.engine.plan import PlannedCell, Scope
from bench.execution import Executor
from bench.execution.runner import Limits, Todo, pending
from bench.registry.selection import Choice
from bench.registry.sources import remember
from bench.store.store import Store

log = logging.getLogger(__name__)
_ANY_SEED = 42  # the number of folds hardly depends on it
Planner = Callable[[Scope], list[PlannedCell]]


@dataclass(frozen=True)
class Request:
    """What the user asked for, checked.

    Parameters
    ----------
    seeds, folds, splits : which folds; `folds` None means all
    limits : how much at once
    out : the folder of results
    attacks : those that were chosen, to say which cannot run
    chosen : all plugins that were chosen, to say which are not applicable to the dataset
    executor : where the work is done; None: child processes on this machine
    dry_run, verbose : whether to stop before the work, and to name every task then
    notes : what is said about releases made elsewhere, by name
    command : what the user typed, for the record; None: the command line of this process
    pictures : whether pictures are drawn at the end
    n_folds : into how many folds a dataset is divided, if its rows are of others than those of a run
    """

    seeds: list[int]
    folds: list[int] | None
    splits: Path | None
    limits: Limits
    out: Path
    attacks: list[Choice]
    executor: Executor | None = None
    dry_run: bool = False
    verbose: bool = False
    notes: dict[str, list[str]] = field(default_factory=dict)
    command: str | None = None
    chosen: Sequence[Choice] = ()
    pictures: bool = True
    n_folds: int | None = None


@dataclass(frozen=True, eq=False)
class Session:
    """A planned run: its data, all its cells, and the tasks that are still to be done."""

    request: Request
    scope: Scope
    plan: Sequence[PlannedCell]
    todo: Todo

    @property
    def left_out(self) -> list[str]:
        """The attacks that cannot run, because the dataset has no reference set."""
        return [choice.info.name for choice in self.scope.cannot_run(self.request.attacks)]

    @property
    def not_applicable(self) -> list[str]:
        """The plugins that were chosen by their names and do not serve the modality of the dataset."""
        named = [choice for choice in self.request.chosen if choice.by_name]
        served = self.scope.serving(named)
        return [choice.label for choice in named if choice not in served]


def prepare(dataset: Dataset, request: Request, planner: Planner) -> Session:
    """Return what there is to do for one dataset; nothing is computed yet."""
    store = Store(request.out / "store", looking=request.dry_run).open()
    scope = Scope(dataset, _splits(dataset, request), store)
    plan = [p for p in planner(scope) if request.folds is None or p.cell.fold in request.folds]
    remember()
    return Session(request, scope, plan, pending(plan, store))


def fold_numbers(dataset: Dataset, splits: str | Path | None) -> list[int]:
    """Return the numbers of all folds of a splits file, or of the harness's own."""
    cohort = dataset.cohort
    found = read_splits(Path(splits), cohort, seed=0) if splits else folds_that_fit(cohort, seed=_ANY_SEED)
    return [split.fold for split in found]


def _splits(dataset: Dataset, request: Request) -> list[Split]:
    found: list[Split] = []
    if request.splits and request.n_folds:
        raise DataError("--splits brings its folds, and --n-folds makes others; leave one of them out.")
    for seed in request.seeds:
        if request.n_folds:
            found += make_splits(dataset.cohort, seed=seed, n_folds=request.n_folds, reference=dataset.reference)
        elif request.splits:
            found += read_splits(request.splits, dataset.cohort, seed=seed, reference=dataset.reference)
        else:
            found += folds_that_fit(dataset.cohort, seed=seed, reference=dataset.reference)
    numbers = sorted({split.fold for split in found})
    if not (request.splits or request.n_folds) and len(numbers) < N_FOLDS:
        log.warning(
            "%d folds instead of %d: a class of %s has no more people, and each fold holds somebody of every class out",
            len(numbers), N_FOLDS, dataset.label_name,
        )  # fmt: skip
    if unknown := sorted(set(request.folds or []) - set(numbers)):
        raise DataError(f"there is no fold {unknown[0]}; the folds are {numbers[0]} to {numbers[-1]}. Mend --folds.")
    return [split_in_fold(dataset, split) for split in found]
