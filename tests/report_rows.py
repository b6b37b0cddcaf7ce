"""Rows of made-up results, as the tests of reports and comparisons need them."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from bench.store.rows import table, write_rows
from bench.studies.audit_records import COLUMNS as AUDIT_COLUMNS
from bench.studies.audit_records import audits_file

PNG = base64.b64decode(  # one grey dot
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
# per generator: accuracy, AUC of the attack mc
SCORES = {
    "copy_train": (0.86, 1.0),
    "multivariate": (0.85, 0.99),
    "private_pgm": (0.84, 0.50),
    "smote": (0.70, 0.55),
    "real_holdout": (0.83, 0.51),
    "noise": (0.20, 0.50),
}


def row(generator: str, measure: str, value: float, fold: int, **others: Any) -> dict[str, Any]:
    known = {"dataset": "brca", "seed": 42, "params": "", "family": "utility", "attack": "", "status": "ok"}
    cost = {"reason": "", "low": math.nan, "high": math.nan, "wall_s": 0.1, "peak_mb": 1.0, "key": "k"}
    named = {"generator": generator, "measure": measure, "value": value, "fold": fold}
    return {**known, **cost, **interval_of(measure, value), **named, **others}


def interval_of(measure: str, value: float) -> dict[str, float]:
    """Return ends as real rows have them: of a reading of an attack, and of nothing else."""
    if measure not in ("auc", "tpr_at_fpr_01", "tpr_at_fpr_10"):
        return {}
    return {"low": max(value - 0.04, 0.0), "high": min(value + 0.04, 1.0)}


def rows_of(generator: str, accuracy: float, auc: float, fold: int, **others: Any) -> Iterator[dict[str, Any]]:
    wobble = 0.004 * (fold - 2)
    yield row(generator, "accuracy_synthetic", accuracy + wobble, fold, **others)
    yield row(generator, "accuracy_real", 0.86, fold, **others)
    for name, value, real in (("balanced_accuracy", accuracy, 0.86), ("worst_class_recall", accuracy - 0.2, 0.66)):
        yield row(generator, f"{name}_synthetic", value + wobble, fold, **others)
        yield row(generator, f"{name}_real", real, fold, **others)
    yield row(generator, "mmd", 0.01 * accuracy, fold, **others)
    yield row(generator, "wall_s", 12.5, fold, **{"family": "cost", **others})
    for name, found in (("mc", auc + wobble / 2), ("gan_leaks", 0.5)):
        reading = {"family": "privacy", "attack": name, **others}
        yield row(generator, "auc", found, fold, **reading)
        yield row(generator, "tpr_at_fpr_01", max(found - 0.5, 0) / 5, fold, **reading)


def claim(generator: str, fold: int, epsilon: float = 4.0, **others: Any) -> dict[str, Any]:
    stated = {"delta": 1e-5, "mechanism": "Gaussian noise", "unit": "one sample", "neighbours": "add-remove"}
    stated |= {"accountant": "exact", "outside": ""}
    return row(generator, "epsilon", epsilon, fold, **{"family": "claim", **stated, **others})


def small_rows(folds: int = 3) -> list[dict[str, Any]]:
    found = [r for g, (a, u) in SCORES.items() for fold in range(1, folds + 1) for r in rows_of(g, a, u, fold)]
    return [*found, *(claim("private_pgm", fold) for fold in range(1, folds + 1))]


def facts(simulated: bool = False, **others: Any) -> dict[str, Any]:
    data = {"classes": {"a": 60, "b": 40}, "digest": "0123456789abcdef" * 4, "genes": 978, "name": "brca"}
    data |= {"samples": 100, "simulated": simulated, "source": "two files", "title": "a cohort", **others}
    machine = {"cpus": 4, "system": "Linux", "threads_per_task": 2}
    start = {"bench": "0.1.0", "command": "bench run", "created": "2026-11-21T01:00:00+00:00", "machine": machine}
    return {**start, "data": data, "versions": {"python": "3.11.7", "numpy": "2.4.6"}}


def audit(generator: str, low: float, epsilon: float = 4.0) -> dict[str, Any]:
    verdict = "refuted" if low > epsilon else "not refuted"
    bound = {"epsilon": epsilon, "delta": 1e-5, "bound": "one run", "low": low, "ceiling": 5.6, "confidence": 0.975}
    about = {
        "claim": "stated",
        "claimed": 4.0,
        "mu": float("nan"),
        "mu_ceiling": float("nan"),
        "as_gaussian": "",
        "p_value": 1e-6 if low > epsilon else 1.0,
        "low_class": math.nan,
        "worst_class": "",
        "low_outliers": math.nan,
        "delta_low": math.nan,
        "coins": "each",
        "end_to_end": "yes",
        "verdict": verdict,
        "attack": "mc",
        "detail": "9 of 9 guesses right",
        "attacks": "mc",
    }
    counts = {
        "records": 100,
        "canaries": 0,
        "searched": 0,
        "runs": 2,
        "seed": 42,
        "data": "0123456789ab",
        "bench": "0.1.0",
    }
    return {"generator": generator, "params": "", **bound, **about, **counts}


def written(
    folder: Path,
    rows: list[dict[str, Any]] | None = None,
    *,
    simulated: bool = False,
    audits: list[dict[str, Any]] | None = None,
    pictures: bool = False,
    **others: Any,
) -> Path:
    """Return the rows file of a folder of results, with audits and pictures beside it."""
    path = folder / "rows" / f"brca{'-simulated' if simulated else ''}.csv"
    write_rows(path, table(rows or small_rows()), facts(simulated, **others))
    if audits:
        file = audits_file(folder, path.stem)
        file.parent.mkdir()
        pd.DataFrame(audits)[AUDIT_COLUMNS].to_csv(file, index=False)
    if pictures:
        for kind in ("pca", "roc"):
            picture = folder / "leaderboard" / f"{path.stem}_{kind}.png"
            picture.parent.mkdir(exist_ok=True)
            picture.write_bytes(PNG)
    return path


def line(generator: str, fold: int, measure: str, value: float, attack: str = "") -> dict[str, Any]:
    empty = {"params": "", "low": math.nan, "high": math.nan, "status": "ok", "reason": "", "key": "k"}
    named = {"dataset": "brca", "fold": fold, "seed": 42, "generator": generator, "attack": attack}
    held = {"family": "utility", "measure": measure, "value": value, "wall_s": 0.1, "peak_mb": 1.0}
    return {**empty, **named, **held, **interval_of(measure, value)}


def board_rows(accuracy: dict[str, float], exposure: dict[str, float], folds: int = 5) -> pd.DataFrame:
    found = []
    for fold in range(1, folds + 1):
        for name, value in accuracy.items():
            found.append(line(name, fold, "accuracy_synthetic", value + 0.01 * (-1) ** fold))
            found.append(line(name, fold, "n_synthetic", 80))
        found += [line(name, fold, "auc", value, "gan_leaks") for name, value in exposure.items()]
        found += [line(name, fold, "auc", 1.0, "mc_official") for name in exposure]
    return table(found)
