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

from bench.core.errors import BenchError, DataError, PluginError
from bench.core.records import Modality, Records
from bench.core.roles import PrivacyClaim
from bench.core.seeds import stream
from bench.engine.plan import PlannedCell, release_digest, role_digest
from bench.engine.tasks import Cell, CellData, Report, Task, Training
from bench.registry.digests import code_digest, key, module_digest
from bench.registry.selection import Choice
from bench.store.store import Store
from bench.studies.audit_reading import FEWEST_RUNS, Trial
from bench.studies.suspects import Coins, Suspects

_ACCESS = {"data": ("black-box", "black-box + labels"), "model": ("query",)}


def usable(attacks: Sequence[Choice], generator: Choice, modality: Modality = "expression") -> list[Choice]:
    """Return the attacks that need nothing but the release, data or a model, and are no published arithmetic.

    Attacks that do not serve the modality of the data are left out.

    Raises
    ------
    PluginError
        If none is left, or the generator does not serve the modality.
    """
    if modality not in generator.info.modalities:
        served = " and ".join(generator.info.modalities)
        raise PluginError(f"{generator.label} cannot be audited on {modality}: it serves {served}; mend --dataset.")
    allowed = _ACCESS[generator.info.released]
    serving = [c for c in attacks if modality in c.info.modalities]
    found = [c for c in serving if c.info.option("access", "black-box") in allowed and not c.info.option("official")]
    if not found:
        raise PluginError(
            f"the audit of {generator.label} needs a sound attack on {modality} that sees the release alone; expected "
            f"the access {' or '.join(map(repr, allowed))}."
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
        fewest = 2 if self.who.n_coins > 1 else FEWEST_RUNS
        if self.runs < fewest:
            raise DataError(
                f"{self.runs} runs over {self.who.n_coins} coin(s) give no bound; expected --runs {fewest} or more."
            )

    def inside(self, run: int) -> NDArray[np.bool_]:
        """Return how the fair coins of a training fall, (n_coins,): with a coin each, who is in."""
        return stream(self.seed, "audit", "coins", run).random(self.who.n_coins) < 0.5

    def plan(self, store: Store, dataset: str) -> list[PlannedCell]:
        """Return one cell a training: the fit and release, and every attack on it; the people go into the store."""
        people = self.who.joined()
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
        return Training(run, len(self.who.always), self.who.released)

    def _roles(self, run: int, file: Path) -> CellData:
        """Return who is trained on, in the order of the cohort, as in a run: no place in it gives a coin away."""
        always, audited = np.split(np.arange(len(self.who.place)), [len(self.who.always)])
        ins = audited[self.who.rows_in(self.inside(run))]
        fitted = np.concatenate([always, ins])
        fitted = fitted[np.argsort(self.who.place[fitted], kind="stable")]
        return CellData(file, None, fitted, ins, np.setdiff1d(audited, ins))

    def _maker(self, run: int, data: CellData, people: Records) -> Task:
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
        common["scoring"] = module_digest("bench.boundary.views")
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
                scores[choice.label] = self.who.told(np.array(body["scores"], dtype=np.float64))
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
    if not claim:
        return None
    return PrivacyClaim(**{**claim, "outside": tuple(claim["outside"]), "public": tuple(claim.get("public", ()))})


def claim_under_test(
    claim: PrivacyClaim | None, epsilon: float | None, delta: float | None, coins: Coins = "each"
) -> tuple[float, float]:
    """Return the epsilon and delta to test: those given, else those the generator claims.

    Raises
    ------
    DataError
        If neither says them, or the claim is about replacing a record where the coins add and remove one.
    """
    if claim is None and (epsilon is None or delta is None):
        raise DataError("the generator claims nothing; give the claim to test with --epsilon and --delta.")
    added = claim is None or claim.neighbours == "add-remove" or coins == "pairs"
    if claim is not None and not added and (epsilon is None or delta is None):
        raise DataError(
            f"the claim (epsilon {claim.epsilon:g}) is about neighbours that {claim.neighbours}; the coins of an audit "
            "add and remove records. Have a coin choose between two with --coins pairs, or give the claim for adding "
            "and removing with --epsilon and --delta."
        )
    return (
        epsilon if epsilon is not None else claim.epsilon,  # type: ignore[union-attr]  # one of the two is there
        delta if delta is not None else claim.delta,  # type: ignore[union-attr]
    )


def doubled(claim: PrivacyClaim | None, coins: Coins) -> bool:
    """Return whether a coin does twice what the claim is about: exchanges a record, where the claim adds or removes."""
    return coins == "pairs" and (claim is None or claim.neighbours == "add-remove")
