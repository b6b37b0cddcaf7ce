"""Prints the table of the README from the rows of `brca`; with ``--write``, puts it there. A test compares the two."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report.board import Board, board_of
from bench.report.claims import stated_claims
from bench.report.privacy import strongest
from bench.store.rows import read_rows

ROOT = Path(__file__).parent.parent
ROWS = ROOT / "results/rows/brca.csv"
MEASURES = {
    "accuracy": "accuracy_synthetic",
    "balanced accuracy": "balanced_accuracy_synthetic",
    "worst class": "worst_class_recall_synthetic",
}


def readme_table(rows: pd.DataFrame, about: Mapping[str, Any]) -> str:
    """Return means over folds, of generators as their plugins set them; the attack less the luck of being the best."""
    board = board_of(rows[rows["params"] == ""], about)
    auc, found = (strongest(board, measure, about["data"]["samples"]) for measure in ("auc", "tpr_at_fpr_01"))
    claims = stated_claims(board)
    heads = ["generator", "claimed epsilon", *MEASURES, "GAN-leaks, as published: AUC", "strongest attack: AUC"]
    lines = [heads := [*heads, "TPR at FPR 1 %"], ["---"] * len(heads)]
    for label in [*board.ranked, *sorted(board.controls)]:
        claim = claims.get(label)
        epsilon = "-" if claim is None else f"{claim.epsilon:.3g}{'' if claim.end_to_end else ', in part'}"
        name = f"`{auc.name(label)}` " if label in board.ranked else ""
        cells = [*map(_mean, (board.summary(label, m).mean for m in MEASURES.values())), _published(board, label)]
        cells += [f"{name}{_mean(auc.of(label, 'value'))}", _mean(found.of(label, "value"))]
        lines.append([f"`{label}`" if name else f"*{label}*", epsilon, *cells])
    return "\n".join("| " + " | ".join(line) + " |" if line[0] != "---" else "|" + "---|" * len(line) for line in lines)


def _published(board: Board, label: str) -> str:
    return _mean(board.summary(label, "auc", "gan_leaks_official").mean)


def _mean(value: float) -> str:
    return f"{value:.3f}".replace("-0.000", "0.000") if value == value else "-"


def with_table(readme: str, table: str) -> str:
    """Return the README with the table in the place of the one it has."""
    lines = readme.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| generator |"))
    end = next(i for i, line in enumerate(lines[start:], start) if not line.startswith("|"))
    return "\n".join([*lines[:start], table, *lines[end:]]) + "\n"


if __name__ == "__main__":
    rows, about = read_rows(ROWS)
    table = readme_table(rows, about)
    if "--write" in sys.argv[1:]:
        path = ROOT / "README.md"
        path.write_text(with_table(path.read_text(encoding="utf-8"), table), encoding="utf-8")
    else:
        sys.stdout.write(f"{table}\n")
