"""Keeps the outcome of audits, one CSV file per dataset and one line per bound, beside the rows of the leaderboard."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.errors import StoreError
from bench.core.roles import PrivacyClaim
from bench.registry.selection import Choice
from bench.store.store import write_atomic
from bench.studies.audit_parts import NO_PARTS, Parts
from bench.studies.audit_reading import EACH, MANY, VERDICT_WORDS, Bound, gaussian_verdict, verdict

COLUMNS = [
    *("generator", "params", "epsilon", "delta", "claim", "claimed", "end_to_end", "bound", "low", "ceiling"),
    *(
        "mu",
        "mu_ceiling",
        "p_value",
        "low_class",
        "worst_class",
        "low_outliers",
        "delta_low",
        "confidence",
        "verdict",
        "as_gaussian",
        "attack",
        "detail",
        "records",
        "canaries",
        "searched",
        "coins",
    ),
    *("runs", "seed", "attacks", "data", "bench"),
]
_NUMBERS = (
    "claimed",
    "mu",
    "mu_ceiling",
    "p_value",
    "low_class",
    "low_outliers",
    "delta_low",
)  # NaN where there is none
_SINCE: dict[str, float | str] = {
    "p_value": math.nan,
    "low_class": math.nan,
    "worst_class": "",
    "low_outliers": math.nan,
    "delta_low": math.nan,
    "searched": 0,
}  # not in old files
_TEXT = ["generator", "params", "claim", "end_to_end", "bound", "verdict", "as_gaussian", "attack", "detail"]
_TEXT += ["worst_class", "coins", "attacks", "data", "bench"]
# only the very same audit takes the place of an earlier one: a rerun with other coins must not erase a refutation
SAME = ["generator", "params", "epsilon", "delta", "canaries", "searched", "coins", "runs", "seed", "attacks", "data"]


def claim_entries(claim: PrivacyClaim | None) -> dict[str, str | float]:
    """Return what a line says of the generator's own claim: whether it states one, which epsilon, how much it covers.

    The epsilon is NaN where nothing is claimed.
    """
    if claim is None:
        return {"claim": "none", "claimed": math.nan, "end_to_end": "-"}
    return {"claim": "stated", "claimed": claim.epsilon, "end_to_end": "yes" if claim.end_to_end else "no"}


def audits_file(out: Path, slug: str) -> Path:
    """Return where the audits on a dataset lie: ``<out>/audits/<slug>.csv``."""
    return out / "audits" / f"{slug}.csv"


def audit_lines(
    generator: Choice,
    found: Sequence[Bound],
    epsilon: float,
    delta: float,
    about: Mapping[str, Any],
    parts: Parts = NO_PARTS,
) -> pd.DataFrame:
    """Return one line per bound of one audit.

    Parameters
    ----------
    epsilon, delta : the claim that was tested
    about : the other columns, the same in each line
    parts : the bounds over a class and over outliers, beside the bound over many records
    """
    name = {"generator": generator.info.name, "params": generator.params_text}
    tested = {
        "epsilon": epsilon,
        "delta": delta,
        "confidence": EACH,
        "verdict": verdict(found, epsilon, about["end_to_end"] != "no"),
    }
    curve = gaussian_verdict(found, epsilon, delta) or ""
    lines = [
        {
            **about,
            **name,
            **tested,
            **{k: v for k, v in vars(b).items() if k != "kind"},
            **vars(parts if b.kind in MANY else NO_PARTS),
            "bound": b.kind,
            "as_gaussian": "" if math.isnan(b.mu) else curve,
        }
        for b in found
    ]
    return pd.DataFrame(lines)[COLUMNS]


def add_audit(path: Path, lines: pd.DataFrame) -> None:
    """Write the lines of an audit into a file of audits, in the place of an earlier run of the very same audit."""
    earlier = read_audits(path)
    again = pd.MultiIndex.from_frame(earlier[SAME]).isin(pd.MultiIndex.from_frame(lines[SAME]))
    kept = earlier[~again]
    table = pd.concat([kept, lines]) if len(kept) else lines
    table = table.sort_values(SAME, kind="stable")
    write_atomic(path, lambda f: f.write(table.to_csv(index=False).encode()))


def read_audits(path: Path) -> pd.DataFrame:
    """Return the lines of a file of audits; none if there is no file.

    Raises
    ------
    StoreError
        If the file is no table of audits.
    """
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    try:
        table = pd.read_csv(
            path,
            dtype={**dict.fromkeys(_TEXT, str), **dict.fromkeys(_NUMBERS, float)},
            keep_default_na=False,
            na_values={name: [""] for name in _NUMBERS},
            float_precision="round_trip",
        )
    except (OSError, ValueError) as error:
        raise StoreError(f"the audits {path} cannot be read ({error}). `bench audit` writes them.") from error
    for name in (name for name in _SINCE if name not in table):
        table.insert(min(COLUMNS.index(name), table.shape[1]), name, _SINCE[name])
    if list(table.columns) != COLUMNS:
        raise StoreError(f"{path} has the columns {list(table.columns)}; expected {COLUMNS}. `bench audit` writes it.")
    if unknown := sorted({*table["verdict"], *table["as_gaussian"]} - {*VERDICT_WORDS, ""}):
        raise StoreError(
            f"{path} holds the verdict {unknown[0]!r}; expected {', '.join(VERDICT_WORDS)}. Another version of bench "
            "wrote it: delete its line and run `bench audit` again."
        )
    return table
