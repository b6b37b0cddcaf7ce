"""Models against models of released data at equal epsilon: one table and one picture, from the rows of a run.

    python benchmarks/released_models.py results/rows/brca-models.csv docs/pictures/released_models.png

Each line is a mean over folds. The strongest attack is read less the luck of being the best of many, with its interval
for all attacks at once. Lines of the picture join what has one method and several epsilons; what claims nothing is a
level.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

from bench.report.board import Board, make_board
from bench.report.privacy import Strongest, strongest
from bench.store.rows import read_rows

MEASURES = {
    "model_accuracy": "accuracy", "model_balanced_accuracy": "balanced accuracy",
    "model_worst_class_recall": "worst class", "model_aupr": "AUPR",
}  # fmt: skip
WAYS = {
    "dp_logistic": "release the model: dp_logistic",
    "private_pgm": "release data: logistic of private_pgm",
    "dp_prior": "release data: logistic of dp_prior",
}


def way_of(label: str) -> str:
    """Return how a private classifier came about; empty for a variant or one that claims nothing."""
    if "balance" in label:
        return ""
    return next((way for way in ("private_pgm", "dp_prior", "dp_logistic") if way in label), "")


def table(board: Board, epsilons: dict[str, float], readings: dict[str, Strongest]) -> list[str]:
    """Return the lines of the table, by epsilon and balanced accuracy."""
    heads = ["classifier", "epsilon", *MEASURES.values(), "strongest attack: AUC (95 %)", "TPR at FPR 1 %"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    by = sorted(board.labels, key=lambda x: (-epsilons.get(x, 1e9), -board.summary(x, "model_balanced_accuracy").mean))
    auc, tpr = readings["auc"], readings["tpr_at_fpr_01"]
    for label in by:
        numbers = [f"{board.summary(label, name).mean:.3f}" for name in MEASURES]
        found = f"`{auc.of(label, 'attack')}` {auc.of(label, 'value'):.3f}"
        found += f" ({auc.of(label, 'low'):.3f} to {auc.of(label, 'high'):.3f})"
        epsilon = f"{epsilons[label]:g}" if label in epsilons else "none claimed"
        cells = [f"`{label}`", epsilon, *numbers, found, f"{tpr.of(label, 'value'):.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def draw(board: Board, epsilons: dict[str, float], path: Path, title: str) -> None:
    """Draw accuracy and balanced accuracy over epsilon."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    levels = [x for x in board.labels if x not in epsilons]
    places = {label: 1.0 + 0.5 * i for i, label in enumerate(levels)}  # so that names do not lie on one another
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharex=True, layout="constrained")
    for axis, name in zip(axes, ("model_accuracy", "model_balanced_accuracy"), strict=True):
        for way, words in WAYS.items():
            points = sorted((e, board.summary(x, name)) for x, e in epsilons.items() if way_of(x) == way)
            x, means, sds = ([e for e, _ in points], [s.mean for _, s in points], [s.sd for _, s in points])
            axis.errorbar(x, means, sds, marker="o", capsize=3, label=words)
        for label in levels:
            axis.axhline(board.summary(label, name).mean, color="grey", lw=0.8, ls=":")
            axis.annotate(
                label, (places[label], board.summary(label, name).mean), fontsize=7, color="grey", va="bottom"
            )
        axis.set(
            xscale="log", xlabel="epsilon, at delta 1e-5", ylabel=MEASURES[name], title=f"{title}: {MEASURES[name]}"
        )
        axis.set_xticks(sorted(set(epsilons.values())), [f"{e:g}" for e in sorted(set(epsilons.values()))])
    axes[0].legend(fontsize=8, loc="lower right")
    figure.savefig(path, dpi=130, metadata={"Software": None})


def main() -> None:
    rows, about = read_rows(Path(sys.argv[1]))
    board = make_board(rows, simulated=about["data"]["simulated"])
    claims = board.rows[(board.rows["measure"] == "epsilon") & board.rows["value"].notna()]
    epsilons = {str(label): float(part["value"].max()) for label, part in claims.groupby("label")}
    n = about["data"]["samples"]
    readings = {measure: strongest(board, measure, n) for measure in ("auc", "tpr_at_fpr_01")}
    print("\n".join(table(board, epsilons, readings)))
    draw(board, epsilons, Path(sys.argv[2]), f"{about['data']['name']}{', SIMULATED' if board.simulated else ''}")


if __name__ == "__main__":
    main()
