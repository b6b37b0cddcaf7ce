"""Shows the study of private generators against their budget: a page, the tidy rows as CSV, and a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.datasets import Dataset
from bench.registry.digests import own_digest
from bench.report.figures.png_files import draw_png, fingerprint_of
from bench.report.studies.common import look, simulated_warning, write_page
from bench.report.table import (
    ABSENT,
    Block,
    Bullets,
    Cell,
    Heading,
    Paragraph,
    Picture,
    Table,
    figure,
    marked,
    numbers,
    words,
)
from bench.report.text import code, prose
from bench.store.store import write_atomic
from bench.studies.epsilon import READINGS, by_method, frontier, real_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOTE = (
    "Means over folds, bands from the smallest to the largest fold; of the AUC the band is the 95 % interval for all "
    "attacks at once. Dotted: real people. Dash-dotted: generators without a budget. Grey, with the AUC: the "
    "most that any attack can have against a Gaussian mechanism of the claim."
)
_DRAWN = (0, 2, 3, 4, 6)  # positions in READINGS of the panels before that of the AUC


def write_epsilon_study(folder: Path, dataset: Dataset, rows: pd.DataFrame, command: str) -> Path:
    """Write ``<slug>_epsilon`` as .md, .csv and .png into a folder and return the page.

    Parameters
    ----------
    rows : as `bench.studies.epsilon.carry_out` returns them
    command : what was typed, for the page
    """
    page = folder / f"{dataset.slug}_epsilon.md"
    write_atomic(page.with_suffix(".csv"), lambda f: f.write(rows.to_csv(index=False).encode()))
    found, real = frontier(rows), real_values(rows)
    title = f"{dataset.title}{' - SIMULATED DATA' if dataset.simulated else ''}"
    fingerprint = fingerprint_of(own_digest("bench.report.studies.epsilon"), title, found.to_csv(index=False))
    draw_png(page.with_suffix(".png"), fingerprint, lambda: frontier_figure(found, real, title))
    return write_page(page, _page(dataset, rows, found, real, page, command))


def _page(
    dataset: Dataset, rows: pd.DataFrame, found: pd.DataFrame, real: Mapping[str, float], path: Path, command: str
) -> Iterator[Block]:
    yield Heading(f"Worth and exposure against the privacy budget: {dataset.title}", level=1)
    yield from simulated_warning(dataset)
    cohort = dataset.expression
    text = (
        f"{len(cohort)} people, {cohort.n_genes} genes; data digest {{}}. Every generator was fitted at every epsilon "
        "on the same folds. The attack is the strongest, less the luck of being the best of many; the ceiling is "
        "the largest AUC that the claim allows. Written by {}; every number is in {}."
    )
    yield Paragraph(prose(text, code(dataset.digest[:12]), code(command), code(path.with_suffix(".csv").name)))
    title = "Worth and exposure against epsilon"
    if path.with_suffix(".png").exists():
        caption = marked(title, simulated=dataset.simulated)
        alt = f"{caption}: one line per generator. {_NOTE}"
        yield Picture(path.with_suffix(".png"), caption, _NOTE, alt)
    yield _table(title, found, real, simulated=dataset.simulated)
    yield from _lost(rows)


def _table(title: str, found: pd.DataFrame, real: Mapping[str, float], *, simulated: bool) -> Table:
    head = [*words("generator"), *numbers("epsilon")]
    head += [column for reading in READINGS for column in numbers(reading.title, better=reading.better)]
    head += [
        *numbers("strongest attack: AUC", better="lower"),
        *numbers("from", "to", "ceiling"),
        *words("attack"),
        *numbers("folds"),
    ]
    body = [_line(method, p) for method, curve in by_method(found) for p in curve.to_dict("records")]
    people = [_shown(real.get(reading.measure, math.nan)) for reading in READINGS]
    body.append([Cell("real people", control=True), ABSENT, *people, *[ABSENT] * 6])
    note = "Means over folds; the interval of the AUC holds for all attacks at once."
    return Table.of(title, note, head, body, simulated=simulated)


def _line(method: str, point: Mapping[Any, Any]) -> list[Cell]:
    budget = ABSENT if math.isinf(point["budget"]) else figure(point["budget"], "g")
    worth = [_shown(point[reading.measure]) for reading in READINGS]
    exposure = [_shown(point[name]) for name in ("auc", "auc_low", "auc_high", "ceiling")]
    folds = Cell(f"{point['ok']} / {point['planned']}", point["ok"])
    return [Cell(code(method), generator=True), budget, *worth, *exposure, Cell(str(point["attack"])), folds]


def _shown(value: float) -> Cell:
    return ABSENT if math.isnan(value) else figure(value, ".3f")


def _lost(rows: pd.DataFrame) -> Iterator[Block]:
    lost = rows[rows["status"] != "ok"]
    if len(lost):
        what = lost["attack"].where(lost["attack"].fillna("") != "", lost["measure"])
        counts = lost.assign(what=what).groupby(["method", "budget", "reason"])["what"].nunique().reset_index()
        yield Heading("Failures")
        yield Bullets(
            tuple(
                code(c["method"]) + f", epsilon {c['budget']:g}, {c['what']} steps: {c['reason']}"
                for c in counts.to_dict("records")
            )
        )


# -- the picture -------------------------------------------------------------------------------------------------------


def frontier_figure(found: pd.DataFrame, real: Mapping[str, float], title: str) -> Figure:
    """Return the picture of the rows of `bench.studies.epsilon.frontier`: five measures of worth, and exposure."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(11, 6.6), dpi=110, layout="constrained")
    panels = drawn.subplots(2, 3)
    for axes, position in zip(panels.flat, _DRAWN, strict=False):
        reading = READINGS[position]
        _lines(axes, found, reading.measure)
        if not math.isnan(real.get(reading.measure, math.nan)):
            axes.axhline(real[reading.measure], color="#000000", linewidth=0.9, linestyle=":")
        axes.set_title(f"{reading.title} ({reading.better} is better)", fontsize=9)
    last = panels.flat[len(_DRAWN)]
    _lines(last, found, "auc")
    _ceiling(last, found)
    last.set_title("AUC of the strongest attack (lower is better)", fontsize=9)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    drawn.suptitle(title, fontsize=10)
    return drawn


def _lines(axes: Axes, found: pd.DataFrame, measure: str) -> None:
    budgets = sorted({b for b in found["budget"] if not math.isinf(b)})
    for i, (method, curve) in enumerate(by_method(found)):
        colour, marker = look(i)
        low, mid, high = (curve[name].to_numpy(dtype=float) for name in (f"{measure}_low", measure, f"{measure}_high"))
        if np.isinf(curve["budget"]).all():
            axes.axhline(mid[0], color=colour, linewidth=1, linestyle="-.", label=method)
            continue
        x = curve["budget"].to_numpy(dtype=float)
        axes.fill_between(x, low, high, color=colour, alpha=0.15)
        axes.plot(x, mid, color=colour, marker=marker, markersize=4, label=method)
    axes.set(xscale="log", xlabel="epsilon (log scale)")
    axes.set_xticks(budgets, [f"{b:g}" for b in budgets], fontsize=8)
    axes.minorticks_off()
    axes.tick_params(labelsize=8)


def _ceiling(axes: Axes, found: pd.DataFrame) -> None:
    """Shade what no attack can reach against a Gaussian mechanism of the claim; the claims of one budget agree."""
    claimed = found[found["ceiling"].notna() & np.isfinite(found["budget"])].groupby("budget")["ceiling"].max()
    if len(claimed):
        x = claimed.index.to_numpy(dtype=float)
        axes.fill_between(x, claimed.to_numpy(), 1.02, color="#888888", alpha=0.25, linewidth=0)
    axes.axhline(0.5, color="#000000", linewidth=0.8, linestyle=":")
    axes.set_ylim(0.45, 1.02)
