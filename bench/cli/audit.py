"""`bench audit`: a privacy claim against what attacks find when fair coins decide who is trained on."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pandas as pd

from bench import __version__
from bench.cli import executors, options
from bench.cli.options import console
from bench.cli.plan_table import show_plan
from bench.core.errors import DataError, PluginError
from bench.core.roles import PrivacyClaim
from bench.core.seeds import integer_seed, stream
from bench.datasets import Dataset, load_dataset
from bench.datasets.folds import with_reference
from bench.engine.costs import Costs, learn
from bench.engine.plan import PlannedCell, keys_of_plan
from bench.engine.tasks import Report
from bench.execution import Executor
from bench.execution.display import RunProgress
from bench.execution.runner import Limits, Todo, do_tasks, pending
from bench.registry.digests import key
from bench.registry.selection import Choice, choose
from bench.report.leaderboard import write_leaderboard
from bench.statistics.dp_bounds import gaussian_strength, runs_to_test
from bench.store.inventory import keep_keys
from bench.store.store import Store
from bench.studies.audit import Audit, LostTrainingsError, claim_in, claim_under_test, doubled, usable
from bench.studies.audit_parts import Parts, bounds_of_parts, parts_of
from bench.studies.audit_reading import (
    COUNTED,
    EACH,
    FEWEST_RUNS,
    GAUSSIAN,
    VERDICT_WORDS,
    Bound,
    Trial,
    bounds,
    exceeded,
    gaussian_verdict,
    most_telling,
    verdict,
)
from bench.studies.audit_records import add_audit, audit_lines, audits_file, claim_entries
from bench.studies.counting import count_draws, stated
from bench.studies.suspects import COINS, SEARCHED, USUAL, Coins, Suspects, suspects


@click.command()
@click.argument("generator")
@click.option("--dataset", default="brca", show_default=True, help="The cohort that is trained on.")
@click.option("--reference-one-in", type=click.IntRange(2), help="As in the run whose page shall show the audit.")
@click.option("--epsilon", type=click.FloatRange(0, min_open=True), help="Epsilon to test [default: the claim's].")
@click.option("--delta", type=click.FloatRange(0, 1, max_open=True), help="Delta to test [default: the claim's].")
@click.option("--runs", type=click.IntRange(2), default=2, show_default=True, help="How many trainings.")
@click.option(
    "--canaries", type=click.IntRange(0), default=0, show_default=True, help="Invented records that have the coins."
)
@click.option(
    "--search",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Try this many canaries in additional trainings, and audit the most telling one alone.",
)
@click.option(
    "--coins",
    type=click.Choice(COINS),
    default="each",
    show_default=True,
    help="A coin for each record, or one for each pair, which keeps the size of a training.",
)
@click.option("--attacks", default="all", show_default=True, help="all, or names; those that see the release alone.")
@click.option(
    "--draws",
    type=click.IntRange(1),
    help="Train nothing: count this many draws of the mechanism itself, where a generator offers them.",
)
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of all coins, canaries and trainings.")
@options.limits
@options.device
@executors.option
@click.option("--dry-run", is_flag=True, help="Print the plan, with what it will take, and stop.")
@options.out
@options.plugin
def command(
    generator: str,
    dataset: str,
    reference_one_in: int | None,
    epsilon: float | None,
    delta: float | None,
    runs: int,
    canaries: int,
    search: int,
    coins: Coins,
    attacks: str,
    draws: int | None,
    seed: int,
    limits: Limits,
    executor: Executor,
    dry_run: bool,
    out: Path,
) -> None:
    """Test the privacy claim of GENERATOR, such as private_pgm[epsilon=4].

    Each record is trained on or left out by a fair coin, and attacks guess the coins from the release alone. From how
    often they are right follows a lower bound of epsilon. A bound above the claim refutes it: exit status 3. A bound
    below proves nothing; the ceiling says what a perfect attack would have shown.

    Two runs give the bound over many records; 20 and more give also the bounds over repeated runs for the one
    record that stands out, and 120 test an epsilon of 10 of a Gaussian mechanism. With --coins pairs nothing tells a
    training from one of the leaderboard, not even its size. With --search 40 the worst of forty strange records is
    found first, and the trainings that are read are of two worlds, with it and without it.

    With --draws no generator is trained: the mechanism that the claim is about is drawn from, with a record in the data
    and without it, and it is counted how often that very record comes out.

    Writes <out>/audits/<dataset>.csv, and the leaderboard if there is one.
    """
    choice = _one(generator)
    data = load_dataset(dataset).same_in_all_folds()
    data = with_reference(data, reference_one_in) if reference_one_in else data
    if draws:
        _count(choice, data, draws, (epsilon, delta), seed, out)
        return
    chosen = usable(choose("attack", attacks), choice, data.modality)

    people = suspects(data.cohort, search or canaries, seed, coins=coins, far=SEARCHED if search else USUAL)
    audit = Audit(people.alone(0) if search else people, choice, chosen, runs, seed)
    first = _search(audit, people, canaries, coins) if search else None
    if dry_run:
        for planned in filter(None, (first, audit)):
            _show(planned, data, out, limits, executor)
        return

    def train(one: Audit) -> list[Trial]:
        return _trials(one, data, out, limits, executor, lambda c: claim_under_test(c, epsilon, delta, coins))

    if first:
        record = most_telling(train(first))
        click.echo(f"of {search} canaries number {record + 1} is the most telling; it is audited alone")
        audit = replace(audit, who=people.alone(record))
    trials = train(audit)
    claim = _largest(trials)
    e, d = claim_under_test(claim, epsilon, delta, coins)
    whole = claim is None or claim.end_to_end
    found = bounds(trials, d, doubled=doubled(claim, coins), epsilon=e)
    _say(choice, found, f"claim epsilon {e:g}, delta {d:g}", VERDICT_WORDS[verdict(found, e, whole)], data.simulated)
    _say_gaussian(found, e, d, doubled(claim, coins))
    _say_failed(trials)
    about = _about(audit, claim, data) | {"canaries": 1 if search else canaries, "searched": search}
    parts = bounds_of_parts(trials, parts_of(audit.who), d, doubled=doubled(claim, coins))
    _say_parts(parts)
    _keep(out, data.slug, audit_lines(choice, found, e, d, about, parts))
    sys.exit(3 if exceeded(found, e) and whole else 0)


def _count(
    choice: Choice, data: Dataset, draws: int, asked: tuple[float | None, float | None], seed: int, out: Path
) -> None:
    """Do the audit that counts draws of the mechanism: its own exit status, its own lines."""
    claim = stated(choice)
    e, d = claim_under_test(claim, *asked, "pairs")  # the neighbours are those of the claim
    bound = count_draws(choice, data.cohort, draws, seed).bound(e, d)
    _say(choice, [bound], f"claim epsilon {e:g}, delta {d:g}", VERDICT_WORDS[verdict([bound], e)], data.simulated)
    click.echo(f"  at epsilon {e:g} delta is at least {bound.delta_low:.3f}")
    about = {
        **claim_entries(claim), "records": 1, "canaries": 0, "searched": 0, "coins": "none", "runs": 0, "seed": seed,
        "attacks": "", "data": data.digest[:12], "bench": __version__,
    }  # fmt: skip
    _keep(out, data.slug, audit_lines(choice, [bound], e, d, about))
    sys.exit(3 if exceeded([bound], e) else 0)


def _search(audit: Audit, people: Suspects, canaries: int, coins: Coins) -> Audit:
    """Return the audit that only looks for the canary to audit: half as many trainings, on coins and draws of its own.

    Raises
    ------
    DataError
        If canaries or pairs are asked for beside it.
    """
    if canaries or coins != "each":
        raise DataError("--search finds the one canary that is audited, with a coin of its own; give it alone.")
    seed = integer_seed(stream(audit.seed, "audit", "search"))
    return replace(audit, who=people, runs=max(2, audit.runs // 2), seed=seed)


def _about(audit: Audit, claim: PrivacyClaim | None, data: Dataset) -> dict[str, Any]:
    """Return what every line of this audit says beside its bound."""
    return {
        **claim_entries(claim),
        "records": len(audit.who.audited),
        "coins": audit.who.coins,
        "runs": audit.runs,
        "seed": audit.seed,
        "attacks": " ".join(choice.label for choice in audit.attacks),
        "data": data.digest[:12],
        "bench": __version__,
    }


def _planned(audit: Audit, data: Dataset, store: Store) -> tuple[list[PlannedCell], Todo, Costs]:
    plan = audit.plan(store, data.label_name)
    todo = pending(plan, store)
    return plan, todo, learn(plan, store, {data.label_name: data.cohort.X.shape}) if todo else Costs()


def _show(audit: Audit, data: Dataset, out: Path, limits: Limits, executor: Executor) -> None:
    """Print what the audit will take, and what a scheduler would get."""
    plan, todo, costs = _planned(audit, data, Store(out / "store").open())
    show_plan(plan, todo, costs, limits.jobs, console)
    if script := executor.preview(todo, limits):
        click.echo(script)


def _trials(
    audit: Audit,
    data: Dataset,
    out: Path,
    limits: Limits,
    executor: Executor,
    check: Callable[[PrivacyClaim | None], object],
) -> list[Trial]:
    """Do what is missing of the trainings; what `check` says of their claims is said before the last is done."""
    store = Store(out / "store").open()
    plan, todo, costs = _planned(audit, data, store)
    keys = keys_of_plan(plan)
    with RunProgress(plan, todo, store, limits.jobs, console, costs) as progress:
        keep_keys(store, f"audit-{data.slug}-{key('audit', keys=sorted(keys))[:16]}", keys)

        def watch(planned: PlannedCell, report: Report) -> None:
            progress(planned, report)
            if report.task.step == "sample" and (body := store.read(report.task.key)):
                check(claim_in(body))

        done = do_tasks(plan, todo, store, limits, watch, executor)
    try:
        return audit.trials(plan, store, done.reports)
    except LostTrainingsError as error:
        console.print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _keep(out: Path, slug: str, lines: pd.DataFrame) -> None:
    """Write the audit, and the leaderboard anew if there is one."""
    path, rows = audits_file(out, slug), out / "rows" / f"{slug}.csv"
    add_audit(path, lines)
    written = [path, *([write_leaderboard(rows)] if rows.exists() else [])]
    console.print(*written, soft_wrap=True)


def _one(text: str) -> Choice:
    chosen = choose("generator", text)
    if len(chosen) != 1:
        raise PluginError(f"{text!r} names {len(chosen)} generators; expected one, such as private_pgm[epsilon=4].")
    return chosen[0]


def _largest(trials: Sequence[Trial]) -> PrivacyClaim | None:
    """Return the largest epsilon and delta claimed by any training: what depends on the data is promised no better."""
    claims = [trial.claim for trial in trials if trial.claim]
    if not claims:
        return None
    worst = max(claims, key=lambda claim: claim.epsilon)
    return replace(worst, delta=max(claim.delta for claim in claims))


def _say_parts(parts: Parts) -> None:
    """Print the bounds over a part of the people, which are no ground for the verdict."""
    found = {f"class {parts.worst_class}": parts.low_class, "outliers": parts.low_outliers}
    for name, low in found.items():
        if not math.isnan(low):
            click.echo(f"  among {name}: epsilon at least {low:.3f}; no part of the verdict")


def _say_failed(trials: Sequence[Trial]) -> None:
    failed = {name: reason for trial in trials for name, reason in trial.failed.items()}
    for name, reason in failed.items():
        click.echo(f"  {name} failed on a release and took no part: {reason}")


def _say(choice: Choice, found: list[Bound], claim: str, outcome: str, simulated: bool) -> None:
    mark = " (SIMULATED data)" if simulated else ""
    click.echo(f"{choice.label}: {claim}{mark}: {outcome}")
    for b in found:
        note = "; holds for mechanisms with a Gaussian trade-off, no ground for a verdict" if b.kind == GAUSSIAN else ""
        low = f"epsilon at least {b.low:.3f} (at most {b.ceiling:.3f} could be shown)"
        click.echo(f"  {b.kind}: {low} at confidence {EACH:g}, by {b.attack}: {b.detail}{note}")
    if outcome == VERDICT_WORDS["not refuted"]:
        click.echo("  That is no proof of privacy: docs/what-passes.md lists cheats that pass.")
    if not any(bound.kind in (GAUSSIAN, COUNTED) for bound in found):
        click.echo(f"  --runs {FEWEST_RUNS} or more would add the bounds over repeated runs.")


def _say_gaussian(found: Sequence[Bound], epsilon: float, delta: float, twice: bool) -> None:
    """Print the Gaussian strength that was found beside the one claimed, if the audit bounds it."""
    outcome = gaussian_verdict(found, epsilon, delta)
    if outcome is None:
        return
    claimed = gaussian_strength(epsilon, delta)
    for bound in found:
        if not math.isnan(bound.mu):
            low = f"mu at least {bound.mu:.3f} (at most {bound.mu_ceiling:.3f} could be shown)"
            click.echo(f"  as a Gaussian mechanism, by {bound.kind}: {low}; claimed: {claimed:.3f}")
    click.echo(f"  the claim to be such a mechanism: {VERDICT_WORDS[outcome]}")
    if outcome == "not testable":
        half = runs_to_test(claimed, EACH, doubled=twice)
        click.echo(f"  --runs {2 * half} or somewhat more would test it: {half} to choose a record, {half} to read it.")
