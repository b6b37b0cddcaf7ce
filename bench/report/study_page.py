"""Shows the study of exposure against cohort size: a Markdown page, the tidy rows as CSV, and a picture."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.datasets import Dataset
from bench.registry.digests import own_digest
from bench.report.figures.png_files import drawn_from, write_png
from bench.store.store import write_atomic
from bench.studies.cohort_size import TOTAL, by_generator, curves, falls_off

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # of Okabe and Ito
_MARKERS = ("o", "^", "s", "X")
_SIMULATED = (
    "> **SIMULATED DATA.** A simulated cohort stands in for the real one; no number here is about real people.\n"
)


def write_study(folder: Path, dataset: Dataset, rows: pd.DataFrame, command: str) -> Path:
    """Write ``<slug>_cohort_size`` as .md, .csv and .png into a folder and return the page.

    Parameters
    ----------
    rows : as `bench.studies.cohort_size.carry_out` returns them
    command : what was typed, for the page
    """
    page = folder / f"{dataset.slug}_cohort_size.md"
    found, n_genes = curves(rows), dataset.cohort.n_genes
    write_atomic(page.with_suffix(".csv"), lambda f: f.write(rows.assign(n_genes=n_genes).to_csv(index=False).encode()))
    _draw(page.with_suffix(".png"), dataset, found)
    text = "\n".join(_page(dataset, rows, found, page.with_suffix("").name, command))
    write_atomic(page, lambda f: f.write(text.encode()))
    return page


def _page(dataset: Dataset, rows: pd.DataFrame, found: pd.DataFrame, stem: str, command: str) -> Iterator[str]:
    n_genes = dataset.cohort.n_genes
    yield f"# Exposure against cohort size: {dataset.title}\n"
    if dataset.simulated:
        yield _SIMULATED
    yield (
        f"{len(dataset.cohort)} people, {n_genes} genes; data digest `{dataset.digest[:12]}`. The training set of each "
        "fold is cut to several sizes, each of which holds the smaller ones; the people held out stay. AUC and TPR are "
        "those of the strongest attack, less the luck of being the best of many: mean, and smallest to largest over "
        "folds. A generator that is fitted class by class has as many people as genes only where each class has, far "
        f"to the right of n = genes. Written by `{command}`; every attack is in [{stem}.csv]({stem}.csv).\n"
    )
    yield f"![AUC of the strongest attack against the size of the training set, one line per generator]({stem}.png)\n"
    yield "## Where exposure falls off\n"
    yield from (f"- `{name}`: {fall(curve, n_genes)}" for name, curve in by_generator(found))
    for name, curve in by_generator(found):
        yield f"\n## `{name}`\n"
        yield "| n | n / genes | AUC | smallest to largest | TPR at FPR 1 % | strongest attack | folds |"
        yield "|---:|---:|---:|---|---:|---|---|"
        yield from (_line(point, n_genes) for point in curve.to_dict("records"))
    yield from _lost(rows)
    yield ""


def _line(point: Mapping[Hashable, Any], n_genes: int) -> str:
    n, folds = int(point["n_train"]), f"{point['ok']}/{point['planned']}"
    if math.isnan(point["auc"]):
        return f"| {n} | {n / n_genes:.2f} | — | — | — | — | {folds} |"
    return (
        f"| {n} | {n / n_genes:.2f} | {point['auc']:.3f} | {point['auc_low']:.3f} to {point['auc_high']:.3f} | "
        f"{point['tpr']:.3f} | {point['attacks']} | {folds} |"
    )


def fall(curve: pd.DataFrame, n_genes: int) -> str:
    """Return in words where the exposure of one generator falls off."""
    last, first = falls_off(curve)
    auc = {int(n): value for n, value in zip(curve["n_train"], curve["auc"], strict=True)}
    end = max(auc)
    at_end = f"{auc[end]:.3f} at n = {end} ({end / n_genes:.2f} x genes)"
    if last is None:
        return f"below {TOTAL} at every size from n = {min(auc)} on; {at_end}."
    if first is None:
        return f"AUC {TOTAL} or more at every size up to n = {end} ({end / n_genes:.2f} x genes)."
    between = "" if first == end else f"{auc[first]:.3f} at n = {first} ({first / n_genes:.2f} x genes), "
    return f"AUC {TOTAL} or more up to n = {last} ({last / n_genes:.2f} x genes), then {between}{at_end}."


def _lost(rows: pd.DataFrame) -> Iterator[str]:
    lost = rows[rows["status"] != "ok"]
    if len(lost):
        yield "\n## Failures\n"
    for (generator, n, reason), group in lost.groupby(["generator", "n_train", "reason"], sort=True):
        yield f"- `{generator}`, n = {n}, {group['attack'].nunique()} attacks: {reason}"


# -- the picture -------------------------------------------------------------------------------------------------------


def _draw(path: Path, dataset: Dataset, found: pd.DataFrame) -> None:
    title = f"{dataset.title}{' - SIMULATED DATA' if dataset.simulated else ''}"
    parts = "\0".join([own_digest("bench.report.study_page"), title, found.to_csv(index=False)])
    fingerprint = hashlib.sha256(parts.encode()).hexdigest()
    if fingerprint != drawn_from(path):
        write_png(path, _pixels(found, dataset.cohort.n_genes, title), fingerprint)


def _pixels(found: pd.DataFrame, n_genes: int, title: str) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(study_figure(found, n_genes, title))
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def study_figure(found: pd.DataFrame, n_genes: int, title: str) -> Figure:
    """Return the picture of the rows of `bench.studies.cohort_size.curves`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.8), dpi=110, layout="constrained")
    axes = figure.subplots()
    for i, (name, curve) in enumerate(by_generator(found)):
        colour, marker = _COLOURS[i % len(_COLOURS)], _MARKERS[i // len(_COLOURS) % len(_MARKERS)]
        n = curve["n_train"].to_numpy(dtype=float)
        axes.fill_between(n, curve["auc_low"].to_numpy(), curve["auc_high"].to_numpy(), color=colour, alpha=0.15)
        axes.plot(n, curve["auc"].to_numpy(), color=colour, marker=marker, markersize=5, label=name)
    _frame(axes, n_genes, sorted(set(found["n_train"])))
    figure.suptitle(title, fontsize=10)
    return figure


def _frame(axes: Axes, n_genes: int, sizes: list[int]) -> None:
    axes.axvline(n_genes, color="#666666", linewidth=1, linestyle="--")
    axes.annotate(f"{n_genes} genes", (n_genes, 0.42), rotation=90, fontsize=8, ha="right", va="bottom")
    axes.axhline(0.5, color="#000000", linewidth=0.8, linestyle=":")
    axes.set(xscale="log", ylim=(0.4, 1.02))
    axes.set_xticks(sizes, [str(n) for n in sizes], fontsize=8, rotation=45)
    axes.minorticks_off()
    axes.set_xlabel("people in the training set (log scale)")
    axes.set_ylabel("AUC of the strongest attack (dotted: chance)")
    axes.legend(fontsize=8, frameon=False, loc="lower left")
