"""`bench choose`: which generators meet what a release needs, what removed the others, and how to go on."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.core.errors import BenchError
from bench.release.choice import EPSILON, EXPOSURE, Candidate, Constraint, Verdict, candidates, reasons

_HEADS: dict[Verdict, str] = {
    "met": "meet everything, as far as was measured",
    "open": "cannot be told on these folds",
    "broken": "are out",
}


@click.command()
@click.option("--dataset", required=True, help="Named as its rows file: brca-simulated.")
@click.option("--epsilon", type=click.FloatRange(min=0, min_open=True), help="The most a claim may be, end to end.")
@click.option("--exposure", type=click.FloatRange(0.5, 1), help="The most that the strongest attack may reach (AUC).")
@click.option("--balanced-accuracy", type=click.FloatRange(0, 1), help="The least mean recall over classes.")
@click.option("--worst-class-recall", type=click.FloatRange(0, 1), help="The least recall of a class.")
@click.option("--at-least", multiple=True, metavar="MEASURE=VALUE", help="Of any measure in the rows; may be repeated.")
@click.option("--at-most", multiple=True, metavar="MEASURE=VALUE", help="Likewise.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@options.out
@options.plugin
def command(
    dataset: str,
    epsilon: float | None,
    exposure: float | None,
    balanced_accuracy: float | None,
    worst_class_recall: float | None,
    at_least: tuple[str, ...],
    at_most: tuple[str, ...],
    as_json: bool,
    out: Path,
) -> None:
    """Say which generators meet what a release needs, by the rows of `bench run`, and what removed the others.

    Every constraint is decided by an interval; what the folds cannot tell is said. Exit status 1 if no generator
    meets everything.
    """
    from bench.store.rows import read_rows  # pandas takes half a second

    named = [
        (EPSILON, epsilon, False),
        (EXPOSURE, exposure, False),
        ("balanced_accuracy_synthetic", balanced_accuracy, True),
        ("worst_class_recall_synthetic", worst_class_recall, True),
    ]
    constraints = [Constraint(name, limit, least) for name, limit, least in named if limit is not None]
    constraints += [_read(text, at_least=True) for text in at_least] + [_read(text, at_least=False) for text in at_most]
    rows, about = read_rows(out / "rows" / f"{dataset}.csv")
    found = candidates(rows, constraints)
    if as_json:
        click.echo(json.dumps([_plain(candidate) for candidate in found], indent=1))
    else:
        _show(found, dataset, out, simulated=bool(about["data"]["simulated"]))
    sys.exit(0 if any(candidate.verdict == "met" for candidate in found) else 1)


def _read(text: str, *, at_least: bool) -> Constraint:
    name, _, number = text.partition("=")
    try:
        return Constraint(name.strip(), float(number), at_least)
    except ValueError as error:
        raise BenchError(f"{text!r} is no limit; expected MEASURE=VALUE, such as mmd=0.004.") from error


def _show(found: list[Candidate], dataset: str, out: Path, *, simulated: bool) -> None:
    if simulated:
        click.echo("SIMULATED: the rows are about simulated people.\n")
    for verdict, head in _HEADS.items():
        mine = [candidate for candidate in found if candidate.verdict == verdict]
        if not mine:
            continue
        click.echo(f"{len(mine)} {head}:")
        for candidate in mine:
            click.echo(f"  {candidate.label}")
            for line in _facts(candidate) if verdict == "met" else reasons(candidate):
                click.echo(f"    {line}")
    if (met := [candidate for candidate in found if candidate.verdict == "met"]) and not simulated:
        click.echo("\nGo on with one of them:")
        for candidate in met:
            line = f'bench release --dataset {dataset} --generator "{candidate.label}" --results {out} --out release'
            click.echo(f"  {line}")


def _facts(candidate: Candidate) -> list[str]:
    return [f"{f.constraint}: {f.value:.3g}" + (f" ({f.note})" if f.note else "") for f in candidate.findings]


def _plain(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate as JSON takes it."""
    findings = [
        {
            "constraint": str(finding.constraint),
            **{name: _number(getattr(finding, name)) for name in ("value", "low", "high")},
            "verdict": finding.verdict,
            "note": finding.note,
        }
        for finding in candidate.findings
    ]
    return {"generator": candidate.label, "verdict": candidate.verdict, "findings": findings}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
