"""Audits a privacy claim: trains the generator on records that fair coins include, and lets attacks guess the coins.

What the guesses say about epsilon is read by `bench.studies.audit_reading`.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError, PluginError
from bench.core.seeds import stream
from bench.core.types import Cohort, Generator, PrivacyClaim, claim_of
from bench.engine.tasks import check_sample, one_line, set_threads
from bench.engine.views import order_of_audit, view_of_audit
from bench.registry.finding import create
from bench.registry.selection import Choice
from bench.studies.audit_reading import FEWEST_RUNS, Trial

_ACCESS = ("black-box", "black-box + labels")


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


def usable(attacks: Sequence[Choice]) -> list[Choice]:
    """Return the attacks that need nothing but the release, and are no published arithmetic.

    Raises
    ------
    PluginError
        If none is left.
    """
    found = [c for c in attacks if c.info.option("access", "black-box") in _ACCESS and not c.info.option("official")]
    if not found:
        raise PluginError("an audit needs a sound attack that sees the release alone, with or without labels.")
    return found


def run_trial(who: Suspects, generator: Choice, attacks: Sequence[Choice], seed: int, run: int) -> Trial:
    """Train once on the records that fair coins include, and let every attack score all audited ones."""
    m = len(who.audited)
    inside = stream(seed, "audit", "coins", run).random(m) < 0.5
    train = _joined(who.always, who.audited.take(inside))
    plugin: Generator = create(generator.info, generator.params)
    fitted = plugin.fit(train, rng=stream(seed, "audit", "fit", run))
    n = len(who.always) + m // 2  # the number of the training samples would give a coin away
    release = fitted.sample(n, rng=stream(seed, "audit", "sample", run))
    check_sample(release, like=train, n=n)
    scores: dict[str, NDArray[np.float64]] = {}
    failed: dict[str, str] = {}
    for choice in attacks:
        try:
            scores[choice.label] = _scores(who, release, choice, seed, run)
        except Exception as error:  # one attack that cannot read one release must not lose all trainings
            failed[choice.label] = one_line(error)
    return Trial(inside, scores, claim_of(fitted), failed)


def _joined(always: Cohort, chosen: Cohort) -> Cohort:
    if not len(always):
        return chosen
    X, y = np.concatenate([always.X, chosen.X]), np.concatenate([always.y, chosen.y])
    names = tuple(f"record_{i + 1}" for i in range(len(X)))
    return Cohort(X=X, y=y, genes=always.genes, samples=names, units=always.units)


def _scores(who: Suspects, release: Cohort, attack: Choice, seed: int, run: int) -> NDArray[np.float64]:
    """Return what an attack makes of the audited records; it is asked about the others too, and not told which."""
    people = _joined(who.always, who.audited)
    order = order_of_audit(len(people), seed, run)
    view = view_of_audit(people, order, release, attack.info.option("access", "black-box"))
    plugin = create(attack.info, attack.params)
    found = np.asarray(plugin.score(view, rng=stream(seed, "audit", "attack", run, attack.label)), dtype=np.float64)
    if found.shape != order.shape or np.isnan(found).any():
        raise PluginError(f"attack {attack.label!r} returned NaN or shape {found.shape}; expected {order.shape}.")
    scores = np.empty(len(order))
    scores[order] = found
    return scores[len(who.always) :]


def run_trials(
    who: Suspects, generator: Choice, attacks: Sequence[Choice], *, runs: int, seed: int, jobs: int, threads: int
) -> Iterator[tuple[int, Trial]]:
    """Yield the number of each training and the training, as they are finished; the numbers do not depend on `jobs`.

    Raises
    ------
    DataError
        If there are too few runs to choose the attack on some and read it on others.
    """
    fewest = 2 if len(who.audited) > 1 else FEWEST_RUNS
    if runs < fewest:
        raise DataError(
            f"{runs} runs over {len(who.audited)} record(s) give no bound; expected --runs {fewest} or more."
        )
    if jobs == 1:
        yield from ((run, run_trial(who, generator, attacks, seed, run)) for run in range(runs))
        return
    context = multiprocessing.get_context("forkserver")  # torch and its threads do not survive a plain fork
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=set_threads, initargs=(threads,)) as pool:
        waiting = {pool.submit(run_trial, who, generator, attacks, seed, run): run for run in range(runs)}
        try:
            yield from ((waiting[done], done.result()) for done in as_completed(waiting))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


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
