"""What is known of a configuration before it is released: its benchmark rows, its audits, and this very release.

Every value is data with its interval and its threat model; whoever writes the certificate or the card adds words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.roles import PrivacyClaim
from bench.datasets import Dataset
from bench.registry.finding import plugins, sound
from bench.registry.selection import Choice
from bench.statistics.dp_bounds import auc_ceiling, share_of_ceiling
from bench.statistics.membership import shown
from bench.statistics.strongest_attack import strongest_attack
from bench.store.rows import read_rows
from bench.studies.audit_records import audits_file, read_audits

if TYPE_CHECKING:
    import pandas as pd

REFUTED = "refuted"


def rows_of(dataset: Dataset, choice: Choice, results: Path) -> pd.DataFrame | None:
    """Return the benchmark rows of a configuration on the very cohort, or None if there are none.

    Raises
    ------
    StoreError
        If there are rows that cannot be read.
    """
    path = results / "rows" / f"{dataset.slug}.csv"
    if not path.exists():
        return None
    rows, about = read_rows(path)
    mine = rows[(rows["generator"] == choice.info.name) & (rows["params"] == choice.params_text)]
    attacked = mine[(mine["measure"] == "auc") & (mine["status"] == "ok")]
    if about["data"]["digest"] != dataset.digest or attacked.empty:
        return None
    return mine


def exposure(rows: pd.DataFrame, claim: PrivacyClaim | None) -> dict[str, Any]:
    """Return what the attacks in rows found: the strongest with its interval for all attacks at once, and each.

    Returns
    -------
    found
        ``strongest`` (attack, value, low, high, p_value, n_attacks, n_folds), ``attacks`` (mean AUC over folds,
        access), and, where there is a claim, the ``ceiling`` of its AUC and the ``share_of_ceiling`` that was reached.
    """
    known, strongest = plugins("attack"), strongest_in(rows)
    good = rows[(rows["measure"] == "auc") & (rows["status"] == "ok")]
    attacks = {
        str(name): {"auc": float(values.mean()), "folds": len(values), "access": _access(known, str(name))}
        for name, values in good.groupby("attack")["value"]
    }
    names = ("attack", "value", "low", "high", "p_value", "n_attacks", "n_folds", "reason")
    found: dict[str, Any] = {"strongest": {name: _plain(strongest[name]) for name in names}, "attacks": attacks}
    if claim is not None and claim.delta > 0 and not math.isnan(strongest["value"]):
        found["ceiling"] = auc_ceiling(claim.epsilon, claim.delta)
        found["share_of_ceiling"] = share_of_ceiling(strongest["value"], claim.epsilon, claim.delta)
    return found


def exposure_if_any(rows: pd.DataFrame, claim: PrivacyClaim | None) -> dict[str, Any] | None:
    """Return the same, or None if every attack in the rows failed."""
    succeeded = (rows["measure"] == "auc") & (rows["status"] == "ok")
    return exposure(rows, claim) if succeeded.any() else None


def strongest_in(rows: pd.DataFrame) -> dict[str, Any]:
    """Return how well the strongest attack in the rows of one release does; those marked official take no part.

    Its name says if its sign was turned around.
    """
    (found,) = strongest_attack(rows, attacks=sound(rows["attack"].unique())).to_dict("records")
    whole = {**found, "attack": shown(found["attack"], found["reversed"])}
    return {str(name): value for name, value in whole.items()}


def _access(known: Mapping[str, Any], name: str) -> str:
    return str(known[name].option("access", "black-box")) if name in known else "unknown"


def usefulness(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return mean, least and largest value over folds of every measure of usefulness, biology and fidelity."""
    good = rows[rows["family"].isin(["utility", "biology", "fidelity"]) & (rows["status"] == "ok")]
    parts = good.dropna(subset="value").groupby("measure")["value"]
    return {
        str(name): {"mean": float(values.mean()), "low": float(values.min()), "high": float(values.max())}
        for name, values in parts
    }


def audits(dataset: Dataset, choice: Choice, results: Path) -> list[dict[str, Any]]:
    """Return the audits of a configuration on the very cohort: claim, bound, ceiling and verdict of each."""
    table = read_audits(audits_file(results, dataset.slug))
    mine = table[(table["generator"] == choice.info.name) & (table["params"] == choice.params_text)]
    mine = mine[mine["data"].map(dataset.digest.startswith)] if len(mine) else mine
    names = ["epsilon", "delta", "bound", "low", "ceiling", "confidence", "verdict", "attack", "canaries", "runs"]
    return [{str(k): _plain(v) for k, v in line.items()} for line in mine[names].to_dict("records")]


def is_refuted(found: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether one of the audits refutes the claim."""
    return any(audit["verdict"] == REFUTED for audit in found)


def claim_in(rows: pd.DataFrame) -> PrivacyClaim | None:
    """Return the claim that benchmark rows record, the one with the largest epsilon if folds differ."""
    claims = rows[(rows["family"] == "claim") & (rows["status"] == "ok")].dropna(subset="value").sort_values("value")
    if claims.empty:
        return None
    line = claims.iloc[-1]
    outside = tuple(json.loads(line["outside"])) if line["outside"] else ()
    names = ("mechanism", "unit", "neighbours", "accountant")
    return PrivacyClaim(
        epsilon=float(line["value"]), delta=float(line["delta"]), outside=outside, **{n: line[n] for n in names}
    )


def as_data(claim: PrivacyClaim | None) -> dict[str, Any] | None:
    """Return a claim as plain values."""
    return None if claim is None else {**asdict(claim), "outside": list(claim.outside), "end_to_end": claim.end_to_end}


def _plain(value: Any) -> Any:
    """Return a value of a table as JSON takes it: no NaN, no number of NumPy."""
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and math.isnan(plain) else plain
