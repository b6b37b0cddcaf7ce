"""Says what a run consists of before anything is computed: cells (generator x fold x seed) and their tasks' keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.boundary.plain_release import plain_release
from bench.boundary.views import WITH_CODE
from bench.core.cohort import Cohort
from bench.core.errors import DataError
from bench.core.records import Records
from bench.core.roles import Split
from bench.datasets import Dataset
from bench.datasets.elsewhere import shown_from_elsewhere
from bench.datasets.per_fold import in_fold
from bench.engine.tasks import Cell, CellData, Task
from bench.registry.digests import code_digest, key, module_digest, own_digest
from bench.registry.finding import missing_needs
from bench.registry.selection import Choice
from bench.store.store import Store


@dataclass(frozen=True, eq=False)
class PlannedCell:
    """One generator (or one folder of given samples) on one fold, with all its tasks, done or not."""

    cell: Cell
    params: str
    tasks: tuple[Task, ...]

    def missing(self, store: Store) -> list[Task]:
        """Return the tasks whose results are not in the store, and the sample if one of them needs it."""
        todo = [task for task in self.tasks if not store.has(task.key)]
        only_sample = all(task.step == "sample" for task in self.tasks)  # then it is the sample that is wanted
        wanted = only_sample or any(task.step != "sample" for task in todo)
        needs_sample = wanted and store.read_sample(self.cell.sample_key) is None
        samples = [t for t in self.tasks if t.step == "sample" and (t in todo or needs_sample)]
        return samples + [t for t in todo if t.step != "sample"]


@dataclass(frozen=True, eq=False)
class Scope:
    """The data of a plan: one dataset, its splits and the store that results go to."""

    dataset: Dataset
    splits: Sequence[Split]
    store: Store
    _kept: dict[str, Path] = field(default_factory=dict, init=False, repr=False)  # by digest

    def cannot_run(self, attacks: Sequence[Choice]) -> list[Choice]:
        """Return the attacks that need people known to be no members, if there are none: of the dataset, or foreign."""
        wanting = [choice for choice in self.serving(attacks) if _asks_for_reference(choice)]
        return wanting if wanting and self.dataset.reference is None and self.foreign is None else []

    @property
    def foreign(self) -> Cohort | None:
        """People of elsewhere, for attacks that need a reference set where the dataset brings none."""
        found = shown_from_elsewhere(self.dataset)
        return found.people if found else None

    def shows_foreign_reference(self, attacks: Sequence[Choice]) -> bool:
        """Return whether some of these attacks are shown people of elsewhere in the place of a reference set."""
        return any(map(_asks_for_reference, self.serving(attacks))) and self.foreign is not None

    def serving(self, choices: Sequence[Choice]) -> list[Choice]:
        """Return the plugins that serve the modality of the dataset; the others are not applicable to it."""
        return [choice for choice in choices if self.dataset.modality in choice.info.modalities]

    def cell(self, split: Split, generator: str, data: CellData, sample_key: str, maker: Task | None = None) -> Cell:
        """Return the cell of a generator, or of a release made elsewhere under a name, on one split."""
        about, outside = (self.store.root, self.dataset.label_name, split.seed, split.fold), self.dataset.outside
        return Cell(*about, generator, sample_key, data, maker, outside=outside)

    def shown_to(self, attacks: Sequence[Choice], data: CellData) -> CellData:
        """Return the roles of a cell with people of elsewhere, where these attacks are shown some."""
        if not self.shows_foreign_reference(attacks) or (people := self.foreign) is None:
            return data
        return replace(data, foreign=self._keep(people))

    def files(self, people: Dataset) -> tuple[Path, Path | None]:
        """Put the cohort and the reference of a fold into the store, for the children to read; return their paths."""
        return self._keep(people.cohort), self._keep(people.reference) if people.reference else None

    def _keep(self, people: Records) -> Path:
        """Return where people lie in the store; a file that is there is read to check it, once for all cells."""
        if people.digest not in self._kept:
            self._kept[people.digest] = self.store.keep_cohort(people)
        return self._kept[people.digest]


def _asks_for_reference(choice: Choice) -> bool:
    return "reference" in str(choice.info.option("access", ""))


def plan_generators(
    scope: Scope, generators: Sequence[Choice], metrics: Sequence[Choice], attacks: Sequence[Choice]
) -> list[PlannedCell]:
    """Return the cells of every generator on every split, folds outermost.

    Generators, metrics and attacks that do not serve the dataset's modality are left out, and so are those metrics and
    attacks that are about data where a model is released, and the other way round.

    Raises
    ------
    DataError
        If generators are named and none of them serves the modality.
    """
    if generators and not scope.serving(generators):
        first = generators[0].info
        raise DataError(
            f"{scope.dataset.name} is {scope.dataset.modality}, and no generator that was chosen serves that: "
            f"{first.name} serves {', '.join(first.modalities)}. `bench list generators` shows what each serves."
        )
    rows = {name: i for i, name in enumerate(scope.dataset.cohort.samples)}
    cells = []
    for split in scope.splits:
        people = in_fold(scope.dataset, split)
        files = scope.files(people)
        for choice in scope.serving(generators):
            data, roles = _roles(scope, people, split, choice, files, rows)
            maker = _sample_task(people, split, choice, data)
            cell = scope.cell(split, choice.info.name, scope.shown_to(attacks, data), maker.key, maker)
            tasks = (maker, *_score_tasks(scope, cell, roles, metrics, attacks))
            cells.append(PlannedCell(cell, choice.params_text, tasks))
    return cells


def plan_asked_about(
    scope: Scope, generators: Sequence[Choice], attacks: Sequence[Choice], asked: Mapping[int, Split]
) -> Iterator[PlannedCell]:
    """Yield cells whose attacks are asked about other people than those that were trained on and held out.

    Each generator is fitted on the training people of the folds of the scope; who counts as a member, and who as none,
    is said for each fold by `asked`. Folds that it does not name have no cell.
    """
    files = scope.files(scope.dataset)
    rows = {name: i for i, name in enumerate(scope.dataset.cohort.samples)}
    for split in (s for s in scope.splits if s.fold in asked):
        roles, fitted = asked[split.fold], _rows(split.train, rows)
        data = CellData(*files, fitted, _rows(roles.train, rows), _rows(roles.holdout, rows))
        for choice in scope.serving(generators):
            maker = _sample_task(scope.dataset, split, choice, data)
            cell = scope.cell(split, choice.info.name, scope.shown_to(attacks, data), maker.key, maker)
            yield PlannedCell(cell, choice.params_text, (maker, *_score_tasks(scope, cell, roles, [], attacks)))


def plan_given(
    scope: Scope,
    name: str,
    given: Mapping[int, Records],
    metrics: Sequence[Choice],
    attacks: Sequence[Choice],
    params: str = "",
) -> list[PlannedCell]:
    """Return the cells of synthetic cohorts made elsewhere, one per fold number; they are made plain and kept.

    `params` is what tables show in brackets behind the name.
    """
    if inside := [choice.info.name for choice in attacks if choice.info.option("access") in WITH_CODE]:
        raise DataError(f"attack {inside[0]!r} needs the generator's code, which a folder of samples does not hold.")
    rows = {name: i for i, name in enumerate(scope.dataset.cohort.samples)}
    cells = []
    for split in (s for s in scope.splits if s.fold in given):
        sample_key = key("given", synthetic=given[split.fold].digest, plain=release_digest())
        plain = plain_release(given[split.fold], like=split.train)
        scope.store.write_sample(sample_key, plain.records)
        scope.store.write(sample_key, plain.facts())
        files = scope.files(in_fold(scope.dataset, split))
        data = CellData(*files, _rows(split.train, rows), _rows(split.train, rows), _rows(split.holdout, rows))
        cell = scope.cell(split, name, scope.shown_to(attacks, data), sample_key)
        cells.append(PlannedCell(cell, params, tuple(_score_tasks(scope, cell, split, metrics, attacks))))
    return cells


def _sample_task(people: Dataset, split: Split, choice: Choice, data: CellData) -> Task:
    sample_key = key(
        "sample",
        plugin=choice.info.name,
        code=code_digest(choice.info, choice.params),
        params=choice.params,
        dataset=people.label_name,
        data=people.digest,
        fitted=role_digest(data.fitted),
        fold=split.fold,
        seed=split.seed,
        plain=release_digest(),
    )
    return Task("sample", choice.info, choice.params, sample_key)


def release_digest() -> str:
    """Return the SHA-256 of the code that makes releases plain: a part of the key of every release."""
    return module_digest("bench.boundary.plain_release")


def role_digest(rows: NDArray[np.intp]) -> str:
    """Return the SHA-256 of row numbers."""
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def _score_tasks(
    scope: Scope, cell: Cell, split: Split, metrics: Sequence[Choice], attacks: Sequence[Choice]
) -> Iterator[Task]:
    left_out = scope.cannot_run(attacks)
    released = cell.maker.plugin.released if cell.maker else "data"
    metrics = [choice for choice in scope.serving(metrics) if choice.info.released == released]
    attacks = [choice for choice in scope.serving(attacks) if choice.info.released == released]
    common = {"split": split.digest, "dataset": cell.dataset, "fold": cell.fold, "seed": cell.seed}
    common["sample"] = cell.sample_key
    for choice in metrics:
        parts = {"plugin": choice.info.name, "code": code_digest(choice.info), "params": choice.params, **common}
        parts |= {"files": choice.files} if choice.files else {}  # none has any but what a user brings
        yield Task("metric", choice.info, choice.params, key("metric", **parts))
    for choice in (c for c in attacks if c not in left_out):
        parts = {"plugin": choice.info.name, "code": code_digest(choice.info), "params": choice.params, **common}
        if _asks_for_reference(choice) and (foreign := scope.foreign):
            parts["foreign"] = [foreign.digest, own_digest("bench.datasets.foreign_reference")]  # not of all readers
        yield Task(
            "attack", choice.info, choice.params, key("attack", scoring=module_digest("bench.boundary.views"), **parts)
        )


def _roles(
    scope: Scope, people: Dataset, split: Split, choice: Choice, files: tuple[Path, Path | None], rows: dict[str, int]
) -> tuple[CellData, Split]:
    """Return who plays which role; a control that releases spare people takes the next fold out of the train role."""
    train, holdout = _rows(split.train, rows), _rows(split.holdout, rows)
    if choice.info.option("fits", "train") == "train":
        return CellData(*files, train, train, holdout), split
    later = [s for s in scope.splits if s.seed == split.seed and s.fold != split.fold]
    later.sort(key=lambda s: (s.fold < split.fold, s.fold))
    if len(later) < 2:
        raise DataError(
            f"the control {choice.info.name!r} needs at least three folds; this split has {len(later) + 1}."
        )
    spare = np.setdiff1d(_rows(later[0].holdout, rows), holdout)
    rest = train[~np.isin(train, spare)]
    roles = Split(people.cohort.take(rest), split.holdout, split.fold, split.seed, split.reference)
    return CellData(*files, spare, rest, holdout), roles


def _rows(cohort: Records, rows: dict[str, int]) -> NDArray[np.intp]:
    return np.array([rows[name] for name in cohort.samples], dtype=np.intp)


def unavailable(planned: PlannedCell) -> str | None:
    """Return why a cell's generator cannot run on this machine, or None."""
    return next((r for t in planned.tasks if t.step == "sample" and (r := missing_needs(t.plugin))), None)


def label_of(planned: PlannedCell) -> str:
    """Return the generator as a user writes it."""
    return f"{planned.cell.generator}[{planned.params}]" if planned.params else planned.cell.generator


def keys_of_plan(plan: Iterable[PlannedCell]) -> set[str]:
    """Return the keys of every result and sample that a plan needs."""
    return {key for planned in plan for key in (planned.cell.sample_key, *(task.key for task in planned.tasks))}
