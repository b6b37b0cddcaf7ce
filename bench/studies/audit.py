"""Audits a privacy claim: trains the generator on records that fair coins include, and lets attacks guess the coins.

Each training is a cell of the engine, so that store, limits and executors are those of every run. What the guesses say
about epsilon is read by `bench.studies.audit_reading`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import BenchError, DataError, PluginError
from bench.core.roles import PrivacyClaim
from bench.core.seeds import stream
from bench.engine.plan import PlannedCell, release_digest, role_digest
from bench.engine.tasks import Cell, CellData, Report, Task, Training
from bench.registry.digests import code_digest, key, module_digest
from bench.registry.selection import Choice
from bench.store.store import Store
from bench.studies.audit_reading import FEWEST_RUNS, Trial

_ACCESS = {"data": ("black-box", "black-box + labels"), "model": ("query",)}


@dataclass(frozen=True, eq=False)
class Suspects:
    """Who may be in a training: the records whose inclusion is a coin, and those that are always in.

    Parameters
    ----------
    always : may be empty
    audited : the records with a coin
    """

    always: Cohort
    audited: Cohort


def suspects(cohort: Cohort, canaries: int, seed: int) -> Suspects:
    """Return the cohort's own records as audited, or, with canaries, these as audited and the cohort always in.

    The set of classes is public in every claim, so one person of each class has no coin and is always in: a class that
    comes and goes with its people would give their coins away.

    A canary is made of genes of different people, three times as far from the mean as these: a record that nobody is
    like, because a guarantee holds for such a one too.
    """
    if canaries == 0:
        order = stream(seed, "audit", "always").permutation(len(cohort))
        first = order[np.unique(cohort.y[order], return_index=True)[1]]  # one of each class, at random
        always = np.isin(np.arange(len(cohort)), first)
        return Suspects(cohort.take(always), cohort.take(~always))
    rng = stream(seed, "audit", "canaries")
    rows = rng.integers(len(cohort), size=(canaries, cohort.n_genes))
    mean = cohort.X.mean(axis=0)
    far = mean + 3 * (np.take_along_axis(cohort.X, rows, axis=0) - mean)
    X = np.clip(far, cohort.X.min(), cohort.X.max())
    return Suspects(cohort, cohort.synthetic(X, rng.choice(cohort.classes, size=canaries)))


def usable(attacks: Sequence[Choice], generator: Choice) -> list[Choice]:
    """Return the attacks that need nothing but the release, data or a model, and are no published arithmetic.

    Raises
    ------
    PluginError
        If none is left.
    """
    allowed = _ACCESS[generator.info.released]
    found = [c for c in attacks if c.info.option("access", "black-box") in allowed and not c.info.option("official")]
    if not found:
        raise PluginError(
            f"the audit of {generator.label} needs a sound attack that sees the release alone; expected the access "
            f"{' or '.join(map(repr, allowed))}."
        )
    return found


@dataclass(frozen=True, eq=False)
class Audit:
    """What is trained and attacked how often: a plan of cells, and what they left in the store.

    Parameters
    ----------
    who : the people, with and without a coin
    attacks : as `usable` returns them
    runs : how often the generator is trained
    seed : of all coins and trainings

    Raises
    ------
    DataError
        If there are too few runs to choose the attack on some and read it on others.
    """

    who: Suspects
    generator: Choice
    attacks: Sequence[Choice]
    runs: int
    seed: int

    def __post_init__(self) -> None:
        fewest = 2 if len(self.who.audited) > 1 else FEWEST_RUNS
        if self.runs < fewest:
            raise DataError(
                f"{self.runs} runs over {len(self.who.audited)} record(s) give no bound; expected --runs {fewest} or "
                "more."
            )

    def inside(self, run: int) -> NDArray[np.bool_]:
        """Return which audited people the fair coins of a training include, (n_audited,)."""
        return stream(self.seed, "audit", "coins", run).random(len(self.who.audited)) < 0.5

    def plan(self, store: Store, dataset: str) -> list[PlannedCell]:
        """Return one cell a training: the fit and release, and every attack on it; the people go into the store."""
        people = _joined(self.who.always, self.who.audited)
        file = store.keep_cohort(people)
        cells = []
        for run in range(self.runs):
            data = self._roles(run, file)
            maker = self._maker(run, data, people)
            cell = Cell(
                store.root, dataset, self.seed, run + 1, self.generator.info.name, maker.key, data, maker, self._of(run)
            )
            cells.append(PlannedCell(cell, self.generator.params_text, (maker, *self._attacked(run, maker))))
        return cells

    def _of(self, run: int) -> Training:
        always = len(self.who.always)
        return Training(run, always, always + len(self.who.audited) // 2)

    def _roles(self, run: int, file: Path) -> CellData:
        always, inside = np.arange(len(self.who.always)), self.inside(run)
        ins, outs = len(always) + np.flatnonzero(inside), len(always) + np.flatnonzero(~inside)
        return CellData(file, None, np.concatenate([always, ins]), ins, outs)

    def _maker(self, run: int, data: CellData, people: Cohort) -> Task:
        chosen = self.generator
        sample_key = key(
            "audit sample",
            plugin=chosen.info.name,
            code=code_digest(chosen.info, chosen.params),
            params=chosen.params,
            people=people.digest,
            fitted=role_digest(data.fitted),
            released=self._of(run).released,
            run=run,
            seed=self.seed,
            plain=release_digest(),
        )
        return Task("sample", chosen.info, chosen.params, sample_key)

    def _attacked(self, run: int, maker: Task) -> Iterator[Task]:
        common = {"sample": maker.key, "always": len(self.who.always), "run": run, "seed": self.seed}
        common["scoring"] = module_digest("bench.engine.views")
        for choice in self.attacks:
            parts = {"plugin": choice.info.name, "code": code_digest(choice.info), "params": choice.params, **common}
            yield Task("attack", choice.info, choice.params, key("audit attack", **parts))

    def trials(self, plan: Sequence[PlannedCell], store: Store, reports: Mapping[str, Report]) -> list[Trial]:
        """Return what every training left in the store, those in which an attack failed included.

        Raises
        ------
        LostTrainingsError
            If a training itself was lost: bounds over the others alone would be no bounds, because whether a training
            is lost may tell its coins.
        """
        bodies = [store.read(planned.cell.sample_key) for planned in plan]
        lost = [planned.tasks[0] for planned, body in zip(plan, bodies, strict=True) if body is None]
        if lost:
            raise LostTrainingsError(self.runs, [_reason(task, reports) for task in lost])
        return [
            self._trial(run, claim_in(body), planned, store, reports)
            for run, (planned, body) in enumerate(zip(plan, bodies, strict=True))
            if body is not None
        ]

    def _trial(
        self, run: int, claim: PrivacyClaim | None, planned: PlannedCell, store: Store, reports: Mapping[str, Report]
    ) -> Trial:
        scores: dict[str, NDArray[np.float64]] = {}
        failed: dict[str, str] = {}
        for choice, task in zip(self.attacks, planned.tasks[1:], strict=True):
            body = store.read(task.key)
            if body is None:
                failed[choice.label] = _reason(task, reports)
            else:
                scores[choice.label] = np.array(body["scores"], dtype=np.float64)
        return Trial(self.inside(run), scores, claim, failed)


class LostTrainingsError(BenchError):
    """Some trainings of an audit did not come about; what others left is kept."""

    def __init__(self, runs: int, reasons: Sequence[str]) -> None:
        why = "; ".join(f"{n}: {reason}" for reason, n in Counter(reasons).items())
        super().__init__(
            f"{len(reasons)} of {runs} trainings were lost, so that no bound can be read ({why}). The others are kept: "
            "the same command does the rest, once what is wrong is mended or the limit raised."
        )


def _reason(task: Task, reports: Mapping[str, Report]) -> str:
    report = reports.get(task.key)
    return report.reason if report else "not run"


def claim_in(body: Mapping[str, Any]) -> PrivacyClaim | None:
    """Return the claim in the stored result of a sample."""
    claim = body["claim"]
    return PrivacyClaim(**{**claim, "outside": tuple(claim["outside"])}) if claim else None


def _joined(always: Cohort, chosen: Cohort) -> Cohort:
    if not len(always):
        return chosen
    X, y = np.concatenate([always.X, chosen.X]), np.concatenate([always.y, chosen.y])
    names = tuple(f"record_{i + 1}" for i in range(len(X)))
    return Cohort(X=X, y=y, genes=always.genes, samples=names, units=always.units)


def claim_under_test(claim: PrivacyClaim | None, epsilon: float | None, delta: float | None) -> tuple[float, float]:
    """Return the epsilon and delta to test: those given, else those the generator claims.

    Raises
    ------
    DataError
        If neither says them, or the claim is about replacing a record where the coins add and remove one.
    """
    if claim is None and (epsilon is None or delta is None):
        raise DataError("the generator claims nothing; give the claim to test with --epsilon and --delta.")
    if claim is not None and claim.neighbours != "add-remove" and (epsilon is None or delta is None):
        raise DataError(
            f"the claim (epsilon {claim.epsilon:g}) is about neighbours that {claim.neighbours}; the coins of an audit "
            "add and remove records. Give the claim for that with --epsilon and --delta."
        )
    return (
        epsilon if epsilon is not None else claim.epsilon,  # type: ignore[union-attr]  # one of the two is there
        delta if delta is not None else claim.delta,  # type: ignore[union-attr]
    )
