"""Says what a run consists of before anything is computed: cells (generator x fold x seed) and their tasks' keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.core.records import Records
from bench.core.roles import Split
from bench.datasets import Dataset
from bench.engine.plain_release import plain_release
from bench.engine.tasks import Cell, CellData, Task
from bench.engine.views import WITH_CODE
from bench.registry.digests import code_digest, key, module_digest
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

    def cannot_run(self, attacks: Sequence[Choice]) -> list[Choice]:
        """Return the attacks that need people known to be no members, if the dataset has no such reference set."""
        if self.dataset.reference is not None:
            return []
        return [choice for choice in attacks if "reference" in str(choice.info.option("access", ""))]

    def serving(self, choices: Sequence[Choice]) -> list[Choice]:
        """Return the plugins that serve the modality of the dataset; the others are not applicable to it."""
        return [choice for choice in choices if self.dataset.modality in choice.info.modalities]

    def files(self) -> tuple[Path, Path | None]:
        """Put the cohort and the reference into the store, for the children to read; return their paths."""
        reference = self.dataset.reference
        return self.store.keep_cohort(self.dataset.cohort), self.store.keep_cohort(reference) if reference else None


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
    files = scope.files()
    rows = {name: i for i, name in enumerate(scope.dataset.cohort.samples)}
    cells = []
    for split in scope.splits:
        for choice in scope.serving(generators):
            data, roles = _roles(scope, split, choice, files, rows)
            sample = _sample_task(scope, split, choice, data)
            cells.append(
                _planned(scope, roles, data, (choice.info.name, choice.params_text), [sample], metrics, attacks)
            )
    return cells


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
    files = scope.files()
    rows = {name: i for i, name in enumerate(scope.dataset.cohort.samples)}
    cells = []
    for split in (s for s in scope.splits if s.fold in given):
        sample_key = key("given", synthetic=given[split.fold].digest, plain=release_digest())
        plain = plain_release(given[split.fold], like=split.train)
        scope.store.write_sample(sample_key, plain.records)
        scope.store.write(sample_key, plain.facts())
        data = CellData(*files, _rows(split.train, rows), _rows(split.train, rows), _rows(split.holdout, rows))
        cells.append(_planned(scope, split, data, (name, params), [], metrics, attacks, sample_key))
    return cells


def _planned(
    scope: Scope,
    split: Split,
    data: CellData,
    name: tuple[str, str],
    samples: list[Task],
    metrics: Sequence[Choice],
    attacks: Sequence[Choice],
    sample_key: str = "",
) -> PlannedCell:
    sample_key = samples[0].key if samples else sample_key
    maker = samples[0] if samples else None
    cell = Cell(
        scope.store.root,
        scope.dataset.label_name,
        split.seed,
        split.fold,
        name[0],
        sample_key,
        data,
        maker,
        outside=scope.dataset.outside,
    )
    tasks = [*samples, *_score_tasks(scope, cell, split, metrics, attacks)]
    return PlannedCell(cell, name[1], tuple(tasks))


def _sample_task(scope: Scope, split: Split, choice: Choice, data: CellData) -> Task:
    sample_key = key(
        "sample",
        plugin=choice.info.name,
        code=code_digest(choice.info, choice.params),
        params=choice.params,
        dataset=scope.dataset.label_name,
        data=scope.dataset.digest,
        fitted=role_digest(data.fitted),
        fold=split.fold,
        seed=split.seed,
        plain=release_digest(),
    )
    return Task("sample", choice.info, choice.params, sample_key)


def release_digest() -> str:
    """Return the SHA-256 of the code that makes releases plain: a part of the key of every release."""
    return module_digest("bench.engine.plain_release")


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
        yield Task(
            "attack", choice.info, choice.params, key("attack", scoring=module_digest("bench.engine.views"), **parts)
        )


def _roles(
    scope: Scope, split: Split, choice: Choice, files: tuple[Path, Path | None], rows: dict[str, int]
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
    cohort = scope.dataset.cohort
    roles = Split(cohort.take(rest), split.holdout, split.fold, split.seed, split.reference)
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
