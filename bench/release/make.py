"""Makes one release for publication: budget first, then training, checks, measurement, files, signature.

The folder of a release appears whole or not at all; the ledger knows of it before the people were touched.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.boundary.making import Trained, train
from bench.boundary.views import WITH_CODE
from bench.core.errors import BenchError, DataError
from bench.core.files import replacing
from bench.core.formatting import counted, size
from bench.core.records import Records
from bench.core.released import Release, ReleasedModel
from bench.core.roles import PrivacyClaim, Split, claim_of
from bench.core.secret_seeds import secret_seed
from bench.datasets import Dataset
from bench.engine.plan import PlannedCell, Scope, plan_generators, plan_given
from bench.engine.tasks import Report
from bench.execution.base import Limits
from bench.execution.runner import execute, pending
from bench.registry.selection import Choice
from bench.release import evidence, refusals
from bench.release.card import write_card
from bench.release.certificate import certificate, write_certificate
from bench.release.class_rates import MissingClassError, draw_classes, reasons_of_rates, rows_of_classes
from bench.release.failures import fails_with_anybody
from bench.release.formats import formats_in, kind_in, write_data
from bench.release.ledger import Ledger, total, with_one_more
from bench.release.metadata import write_metadata
from bench.release.pasting import files_needed, quoted, with_files
from bench.release.signature import default_key, sign, signing_key
from bench.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

LEAST = 100  # people, fewer than which no release hides anybody among
ROWS = 1000  # of a release whose claim makes the number of people a secret
_DUO = re.compile(r"DUO:\d{7}")
_BYTES = 24  # of memory that a value takes while it is drawn, made plain and written
EXPOSURE = 0.75  # AUC of the strongest attack on the configuration above which nothing is released


class RefusedReleaseError(BenchError):
    """A release that must not be published; the message gives every reason and the way out of each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = list(reasons)
        super().__init__("no release was made: " + " ".join(reasons))


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be released.

    Parameters
    ----------
    dataset : Dataset, all of whose people the generator is trained on
    choice : Choice, the generator with its parameters
    out : Path, the folder of the release; it must not exist
    results : Path, the folder of the benchmark's results
    formats : str, of the files, such as ``"csv,parquet"``; empty for the usual one of what is released
    rows : int or None, how many; None: as many as there are people, or 1,000 where a claim makes their number a secret;
        nothing to a model
    hold_out : float, the share of people left out of the training, so that attacks can be measured on this release
    attacks : list of Choice, on this very release, where somebody is held out; those that need code are left out
    budget : float or None, the epsilon that all releases of this cohort may spend together
    unbenchmarked : bool, whether a configuration without benchmark rows is released all the same, and marked
    seed : int or None, of a release that is not for publication; None is a secret one from the operating system
    ledger, key : Path or None, where they lie, if not in their usual places
    least : int, how many people there must be
    exposure : float, the AUC that the strongest attack on the configuration may surely reach
    source_terms : str, the code of use conditions (DUO) of the source, if there is one
    class_rates : mapping of class to its share of the rows, as `read_rates` returns it; empty: those of the generator
    limits : Limits, of the measurement
    """

    dataset: Dataset
    choice: Choice
    out: Path
    results: Path
    formats: str = ""
    rows: int | None = None
    hold_out: float = 0.0
    attacks: Sequence[Choice] = ()
    budget: float | None = None
    unbenchmarked: bool = False
    seed: int | None = None
    ledger: Path | None = None
    key: Path | None = None
    least: int = LEAST
    exposure: float = EXPOSURE
    source_terms: str = ""
    class_rates: Mapping[str, float] = field(default_factory=dict)
    limits: Limits


@dataclass(frozen=True, eq=False)
class Fitted:
    """A generator after its training: what it claims, whom it was trained on, and the chance that it draws by."""

    trained: Trained
    claim: PrivacyClaim | None
    people: Records
    held_out: Records
    drawing: np.random.Generator


@dataclass(frozen=True, eq=False)
class Made:
    """A release in memory: what is published, what was looked for in it, and the people it was trained on."""

    released: Release
    checks: refusals.Checks
    claim: PrivacyClaim | None
    people: Records
    held_out: Records


Say = Callable[[str], None]


def make_release(request: Request, say: Say = lambda text: None) -> Path:
    """Make a release and return its folder.

    Parameters
    ----------
    say : is told in a sentence what is being done

    Raises
    ------
    RefusedReleaseError
        If it must not be published; the message gives the reasons and the ways out. What was trained stays spent.
    BenchError
        If something that was asked for is not possible.
    """
    known = _knowledge(request)
    _held_out(request.dataset.cohort, request.hold_out, np.random.default_rng(0))  # a share that cannot be, at once
    formats = formats_in(request.formats, kind_in(request.choice.info, request.dataset.modality))
    key = signing_key(request.key or default_key())
    identity, ledger = secrets.token_hex(8), Ledger.of(request.dataset.digest, request.ledger)
    with ledger.locked():
        before = ledger.lines()
        _refuse(None, "", list(_over_budget(request, before, known.claim, claimed=known.exposure is not None)))
        ledger.write(
            identity, "begun", dataset=request.dataset.label_name, cohort=request.dataset.digest,
            generator=request.choice.label, claim=evidence.as_data(known.claim),
        )  # fmt: skip
    made = _make(request, ledger, identity, say)
    _refuse(ledger, identity, [*made.checks.reasons(), *_over_budget(request, before, made.claim)])
    measured = None
    if len(made.held_out):
        say(f"attacking the release with {len(made.held_out)} people held out")
        measured = evidence.exposure_if_any(_attack(request, made, say), made.claim)
    after = ledger.spent()
    with replacing(request.out) as folder:
        folder.mkdir()
        document = certificate(request, identity, made, known, measured, after)
        write_data(folder, made.released, request.dataset.label, formats)
        write_card(folder, document)
        write_metadata(folder, document)
        write_certificate(folder, document)
        sign(folder, key)
    ledger.write(identity, "published", folder=str(request.out.resolve()))
    return request.out


def _make(request: Request, ledger: Ledger, identity: str, say: Say) -> Made:
    """Train and draw; the ledger is told how far it went."""
    say(f"training {request.choice.label} on {len(request.dataset.cohort)} people")
    try:
        fitted = _train(request)
    except Exception as error:
        spent = not fails_with_anybody(request.choice, request.dataset.cohort, error)
        ledger.write(identity, "failed", spent=spent)
        raise
    ledger.write(identity, "trained", claim=evidence.as_data(fitted.claim))
    try:
        released, checks = _released(request, fitted, say)
    except MissingClassError as error:
        _refuse(ledger, identity, [str(error)])
        raise
    except Exception:
        ledger.write(identity, "failed", spent=True)
        raise
    return Made(released, checks, fitted.claim, fitted.people, fitted.held_out)


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What the benchmark says of a configuration: nothing, or its exposure, usefulness, claim and audits."""

    exposure: dict[str, Any] | None
    usefulness: dict[str, dict[str, float]]
    claim: PrivacyClaim | None
    audits: list[dict[str, Any]]
    folds: int


def _knowledge(request: Request) -> Knowledge:
    """Return what is known of the configuration, after everything was checked that can be before training."""
    dataset, choice = request.dataset, request.choice
    found = evidence.rows_of(dataset, choice, request.results)
    audits = evidence.audits(dataset, choice, request.results)
    refuted = evidence.is_refuted(audits)
    _refuse(None, "", list(_reasons_before(request, benchmarked=found is not None, refuted=refuted)))
    if found is None:
        return Knowledge(None, {}, None, audits, 0)
    claim = evidence.claim_in(found)
    attacked = evidence.exposure(found, claim)
    _refuse(None, "", list(_reasons_of_attacks(request, attacked["strongest"], claim)))
    folds = len(found[["seed", "fold"]].drop_duplicates())
    return Knowledge(attacked, evidence.usefulness(found), claim, audits, folds)


def _reasons_before(request: Request, *, benchmarked: bool, refuted: bool) -> Iterator[str]:
    dataset, choice = request.dataset, request.choice
    if request.out.exists():
        yield f"{request.out} exists already. Name another folder with --out, or move it away."
    above = next(place for place in request.out.absolute().parents if place.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        yield f"{above} is no folder that can be written into. Name another one with --out."
    if request.source_terms and not _DUO.fullmatch(request.source_terms):
        yield f"--duo {request.source_terms!r} is no DUO code; expected seven digits, such as DUO:0000042."
    if choice.info.is_control:
        yield f"{choice.info.name} is a control, made to bracket the tables. `bench list generators` shows the others."
    if dataset.modality not in choice.info.modalities:
        served = ", ".join(choice.info.modalities)
        yield f"{dataset.name} is {dataset.modality}, and {choice.info.name} serves {served}."
    yield from _reasons_of_rows(request)
    yield from _reasons_of_measurement(request)
    if len(dataset.cohort) < request.least:
        yield f"{dataset.name} has {len(dataset.cohort)} people; fewer than {request.least} hide nobody (--least)."
    if refuted:
        yield (
            f"an audit in {request.results} refutes the claim of {choice.label}. Release with another generator, or "
            "find the fault and run `bench audit` again."
        )
    if not (benchmarked or request.unbenchmarked):
        yield (
            f"{choice.label} was never attacked on this very cohort: {request.results} holds no such rows. First "
            f'`bench run --dataset {dataset.name} --generators "{choice.label}" --out {quoted(request.results)}'
            f"{with_files(files_needed(choice.info, dataset))}`, or "
            "--unbenchmarked, which marks every file."
        )


def _reasons_of_measurement(request: Request) -> Iterator[str]:
    """Yield why the release could not be drawn, or attacked with the people that are held out for that."""
    if request.hold_out and not _attacks_of(request):
        yield (
            f"--hold-out {request.hold_out:g} keeps people out so that attacks can be tried, and --attacks leaves none "
            "that see the release alone. Name one, such as noisy_sum_ratio, or leave --hold-out out."
        )
    needed = _BYTES * (request.rows or 0) * len(request.dataset.cohort.features)
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        yield (
            f"--rows {request.rows} of {len(request.dataset.cohort.features)} features take about {size(needed)} of "
            f"memory, and this machine has {size(there)}. Ask for fewer."
        )


def _reasons_of_rows(request: Request) -> Iterator[str]:
    """Yield why there can be no such rows."""
    info = request.choice.info
    if info.released == "model":
        for option, given in (("--rows", request.rows), ("--class-rates", request.class_rates)):
            if given:
                yield f"{info.name} releases a model, which has no rows; leave {option} out."
    else:
        yield from reasons_of_rates(request.class_rates, request.rows or min(_least_trained(request), ROWS))


def _least_trained(request: Request) -> int:
    """Return how many people are trained on at least; a class may round its share up."""
    cohort = request.dataset.cohort
    return math.floor(len(cohort) * (1 - request.hold_out)) - (len(cohort.classes) if request.hold_out else 0)


def _attacks_of(request: Request) -> list[Choice]:
    """Return the attacks that are tried on the release: those that see nothing but it."""
    return [choice for choice in request.attacks if choice.info.option("access") not in WITH_CODE]


def _reasons_of_attacks(request: Request, strongest: Mapping[str, Any], claim: PrivacyClaim | None) -> Iterator[str]:
    if strongest["low"] is not None and strongest["low"] > request.exposure:
        yield (
            f"the attack {strongest['attack']} tells who was in the training of {request.choice.label}: AUC "
            f"{strongest['value']:.3f}, at least {strongest['low']:.3f}, and {request.exposure:g} is allowed "
            f"(--exposure). Release with another generator{'' if claim is None else ', or with a smaller epsilon'}."
        )


def _over_budget(
    request: Request, before: Sequence[Mapping[str, Any]], claim: PrivacyClaim | None, *, claimed: bool = True
) -> Iterator[str]:
    """Yield why the budget does not allow a release.

    Parameters
    ----------
    before : the ledger's lines of earlier releases
    claimed : False while nobody knows what the generator will claim
    """
    if request.budget is None:
        return
    spent = total(before)
    if spent.unbounded:
        yield (
            f"a budget of epsilon {request.budget:g} is set, and of {counted(spent.releases, 'earlier release')} of "
            f"this cohort {spent.unbounded} {'claims' if spent.unbounded == 1 else 'claim'} no epsilon, so that "
            "nothing bounds what was spent. No budget can hold for this cohort; leave --budget out."
        )
    elif claimed and claim is None:
        yield (
            f"a budget of epsilon {request.budget:g} is set, and {request.choice.label} claims no epsilon. Release "
            "with a generator that claims one: `bench list generators` says which do."
        )
    elif claimed and (after := with_one_more(before, claim)).epsilon > request.budget * (1 + 1e-9):
        yield (
            f"the budget of epsilon {request.budget:g} is not enough: {spent.epsilon:g} was spent by "
            f"{counted(spent.releases, 'earlier release')}, and this one would take it to {after.epsilon:g}. Choose a "
            "smaller epsilon, or publish an earlier release."
        )


def _refuse(ledger: Ledger | None, identity: str, reasons: Sequence[str]) -> None:
    if not reasons:
        return
    if ledger is not None:
        ledger.write(identity, "refused", reasons=list(reasons))
    raise RefusedReleaseError(reasons)


# -- training and attacking ------------------------------------------------------------------------------------------


def _train(request: Request) -> Fitted:
    """Train once; the randomness comes from the operating system and is kept nowhere."""
    entropy = secret_seed() if request.seed is None else request.seed
    fitting, drawing, dividing = (np.random.default_rng(s) for s in np.random.SeedSequence(entropy).spawn(3))
    cohort = request.dataset.cohort
    out = _held_out(cohort, request.hold_out, dividing)
    people, held_out = cohort.take(~out), cohort.take(out)
    trained = train(request.choice.info, request.choice.params, people, rng=fitting)
    return Fitted(trained, _whole_claim(trained.generator, request.dataset), people, held_out, drawing)


def _released(request: Request, fitted: Fitted, say: Say) -> tuple[Release, refusals.Checks]:
    """Draw once, and return what is released and what was looked for in it."""
    say("looking for people in the release")
    if request.choice.info.released == "model":
        model = fitted.trained.release_model(rng=fitted.drawing)
        return model, refusals.check_model(model, fitted.people)
    n = request.rows or _usual_rows(fitted.claim, len(fitted.people))
    if request.class_rates:
        raw, plain = draw_classes(fitted.trained, rows_of_classes(request.class_rates, n), fitted.drawing, say)
    else:
        raw, plain = fitted.trained.draw(n, rng=fitted.drawing)
    return plain.records, refusals.check(raw, plain, fitted.people)


def _whole_claim(fitted: Any, dataset: Dataset) -> PrivacyClaim | None:
    """Return a claim with what was done to the data before anybody was trained, as the rows of a run have it."""
    claim = claim_of(fitted)
    return None if claim is None else replace(claim, outside=(*claim.outside, *dataset.outside))


def _usual_rows(claim: PrivacyClaim | None, people: int) -> int:
    """Return how many rows are released unless it is said: under add-remove the number of people is a secret too."""
    return ROWS if claim is not None and claim.neighbours == "add-remove" else people


def _held_out(cohort: Records, share: float, rng: np.random.Generator) -> Any:
    """Return a mask of the people left out, the same share of each class; people of one donor stay together."""
    groups = np.asarray(cohort.samples if cohort.donors is None else cohort.donors)
    chosen = np.zeros(len(cohort), dtype=bool)
    for label in cohort.classes if share else ():
        mine = np.unique(groups[cohort.y == label])
        drawn = rng.permutation(mine)[: round(share * len(mine))]
        chosen |= np.isin(groups, drawn)
    if share and not (chosen.any() and np.isin(cohort.classes, cohort.y[~chosen]).all()):
        raise DataError(f"--hold-out {share:g} leaves nobody out, or nobody of a class in; choose another share.")
    return chosen


def _attack(request: Request, made: Made, say: Say) -> pd.DataFrame:
    """Return the rows of every attack on this very release, members against the people held out."""
    dataset = request.dataset
    attacks = _attacks_of(request)
    split = Split(made.people, made.held_out, 1, 0, dataset.reference)
    with _workplace(request.out) as place:
        scope = Scope(dataset, [split], Store(place / "store").open())
        plan = _plan(scope, request.choice, made.released, attacks)
        todo = pending(plan, scope.store)

        def watch(_: PlannedCell, report: Report) -> None:
            say(f"attacking the release: {report.task.plugin.name} {report.status}")

        return execute(plan, todo, scope.store, request.limits, watch).rows


def _plan(scope: Scope, choice: Choice, released: Release, attacks: Sequence[Choice]) -> list[PlannedCell]:
    """Return the plan of attacks on this very release; a model is put where a run would have made it."""
    if not isinstance(released, ReleasedModel):
        return plan_given(scope, choice.info.name, {1: released}, [], attacks)
    plan = plan_generators(scope, [choice], [], attacks)
    for planned in plan:
        scope.store.write_sample(planned.cell.sample_key, released)
        facts = {"parameters": released.n_parameters, "claim": None, "wall_s": 0.0, "peak_mb": 0.0}
        scope.store.write(planned.cell.sample_key, facts)
    return plan


@contextlib.contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """Yield a folder beside the release, gone afterwards: real people are in it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{out.name}.attacks.", dir=out.parent))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
