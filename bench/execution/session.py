"""One run over one dataset, from a request to its plan: what the command line and the Python API share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.errors import DataError
from bench.core.roles import Split
from bench.datasets import Dataset
from bench.datasets.folds import N_FOLDS, make_splits, read_splits
from bench.engine.plan import PlannedCell, Scope
from bench.execution import Executor
from bench.execution.runner import Limits, Todo, pending
from bench.registry.selection import Choice
from bench.registry.sources import remember
from bench.store.store import Store

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
    store = Store(request.out / "store").open()
    scope = Scope(dataset, _splits(dataset, request), store)
    plan = [p for p in planner(scope) if request.folds is None or p.cell.fold in request.folds]
    remember()
    return Session(request, scope, plan, pending(plan, store))


def fold_numbers(dataset: Dataset, splits: str | Path | None) -> list[int]:
    """Return the numbers of all folds of a splits file, or of the harness's own."""
    if splits is None:
        return list(range(1, N_FOLDS + 1))
    return [split.fold for split in read_splits(Path(splits), dataset.cohort, seed=0)]


def _splits(dataset: Dataset, request: Request) -> list[Split]:
    found: list[Split] = []
    for seed in request.seeds:
        if request.splits:
            found += read_splits(request.splits, dataset.cohort, seed=seed, reference=dataset.reference)
        else:
            found += make_splits(dataset.cohort, seed=seed, n_folds=N_FOLDS, reference=dataset.reference)
    numbers = sorted({split.fold for split in found})
    if unknown := sorted(set(request.folds or []) - set(numbers)):
        raise DataError(f"there is no fold {unknown[0]}; the folds are {numbers[0]} to {numbers[-1]}. Mend --folds.")
    return found
