"""`bench audit`: a privacy claim against what attacks find when fair coins decide who is trained on."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click
import pandas as pd
from rich.console import Console
from rich.progress import track

from bench import __version__
from bench.cli import options
from bench.core.errors import PluginError
from bench.core.types import PrivacyClaim
from bench.datasets import load_dataset
from bench.engine.tasks import set_threads
from bench.execution.base import default_jobs
from bench.registry.selection import Choice, choose
from bench.report.leaderboard import write_leaderboard
from bench.studies.audit import claim_under_test, run_trials, suspects, usable
from bench.studies.audit_reading import EACH, FEWEST_RUNS, GAUSSIAN, Bound, Trial, bounds, exceeded, verdict
from bench.studies.audit_records import add_audit, audit_lines, audits_file

console = Console(stderr=True)


@click.command()
@click.argument("generator")
@click.option("--dataset", default="brca", show_default=True, help="Whose people are trained on.")
@click.option("--epsilon", type=click.FloatRange(0, min_open=True), help="The claim to test [default: its own].")
@click.option("--delta", type=click.FloatRange(0, 1, max_open=True), help="Likewise [default: its own].")
@click.option("--runs", type=click.IntRange(2), default=2, show_default=True, help="How often it is trained.")
@click.option("--canaries", type=click.IntRange(0), default=0, show_default=True, help="0: real people have the coins.")
@click.option("--attacks", default="all", show_default=True, help="all, or names; those that see the release alone.")
@click.option("--seed", type=int, default=42, show_default=True, help="Of all coins, canaries and trainings.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads per training.")
@click.option("--jobs", type=click.IntRange(1), help="Trainings at once [default: cores / threads].")
@options.device
@options.out
@options.plugin
def command(
    generator: str,
    dataset: str,
    epsilon: float | None,
    delta: float | None,
    runs: int,
    canaries: int,
    attacks: str,
    seed: int,
    threads: int,
    jobs: int | None,
    out: Path,
) -> None:
    """Test the privacy claim of GENERATOR, such as private_pgm[epsilon=4].

    Each record is trained on or left out by a fair coin, and attacks guess the coins from the release alone. From how
    often they are right follows a lower bound of epsilon. A bound above the claim refutes it: exit status 3. A bound
    below proves nothing; the ceiling says what a perfect attack would have shown.

    Two runs give the one-run bound over many records; 20 and more give also the bounds over repeated runs for the one
    record that stands out. Writes <out>/audits/<dataset>.csv, and the leaderboard if there is one.
    """
    set_threads(threads)
    choice, chosen = _one(generator), usable(choose("attack", attacks))
    data = load_dataset(dataset)
    who = suspects(data.cohort, canaries, seed)
    number = default_jobs(jobs, threads)
    arriving = run_trials(who, choice, chosen, runs=runs, seed=seed, jobs=number, threads=threads)
    trials: dict[int, Trial] = {}
    what = f"auditing {choice.label} on {data.label_name}"
    for run, trial in track(arriving, what, total=runs, console=console, disable=not console.is_terminal):
        trials[run] = trial
        claim_under_test(trial.claim, epsilon, delta)  # what cannot be tested is said before the last training
    claim = _largest(trials.values())
    e, d = claim_under_test(claim, epsilon, delta)
    whole = claim is None or claim.end_to_end
    found = bounds([trials[run] for run in range(runs)], d)
    _say(choice, found, f"claim epsilon {e:g}, delta {d:g}", verdict(found, e, whole), data.simulated)
    _say_failed(trials.values())
    about = {
        "claimed": "nothing" if claim is None else repr(claim.epsilon),
        "end_to_end": "-" if claim is None else "yes" if whole else "no",
        "records": len(who.audited),
        "canaries": canaries,
        "runs": runs,
        "seed": seed,
        "attacks": " ".join(c.label for c in chosen),
        "data": data.digest[:12],
        "bench": __version__,
    }
    _keep(out, data.slug, audit_lines(choice, found, e, d, about))
    sys.exit(3 if exceeded(found, e) and whole else 0)


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


def _largest(trials: Iterable[Trial]) -> PrivacyClaim | None:
    """Return the largest epsilon and delta claimed by any training: what depends on the data is promised no better."""
    claims = [trial.claim for trial in trials if trial.claim]
    if not claims:
        return None
    worst = max(claims, key=lambda claim: claim.epsilon)
    return replace(worst, delta=max(claim.delta for claim in claims))


def _say_failed(trials: Iterable[Trial]) -> None:
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
    if all(bound.kind == "one run" for bound in found):
        click.echo(f"  --runs {FEWEST_RUNS} or more would add the bounds over repeated runs.")
