"""Shows the study of reconstruction: a page, the lines as CSV, and a picture of what was reached and the bound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.datasets import Dataset
from bench.registry.digests import own_digest
from bench.report.figures.png_files import draw_png, fingerprint_of
from bench.report.studies.common import write_page
from bench.report.table import Block, Cell, Heading, Paragraph, Picture, Table, figure, numbers, words
from bench.report.text import code, prose
from bench.store.store import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NOTE = (
    "Dots: share of trainings in which the adversary named the right candidate, with 95 % intervals. Lines: the most "
    "that any adversary can reach with that noise; a dot above its line is chance where its interval is not. Dotted: "
    "guessing."
)


def write_reconstruction_study(folder: Path, dataset: Dataset, lines: pd.DataFrame, command: str) -> Path:
    """Write ``<slug>_reconstruction`` as .md, .csv and .png into a folder and return the page.

    Parameters
    ----------
    lines : as `bench.studies.reconstruction.reconstruct` returns them
    command : what was typed, for the page
    """
    page = folder / f"{dataset.slug}_reconstruction.md"
    write_atomic(page.with_suffix(".csv"), lambda f: f.write(lines.to_csv(index=False).encode()))
    fingerprint = fingerprint_of(own_digest("bench.report.studies.reconstruction"), lines.to_csv(index=False))
    draw_png(page.with_suffix(".png"), fingerprint, lambda: reconstruction_figure(lines, dataset.title))
    return write_page(page, _page(dataset, lines, page, command))


def _page(dataset: Dataset, lines: pd.DataFrame, path: Path, command: str) -> Iterator[Block]:
    yield Heading(f"Reconstruction by an informed adversary: {dataset.title}", level=1)
    mark = " SIMULATED DATA: no number is about real people." if dataset.simulated else ""
    text = (
        "DP-SGD trains a softmax regression and publishes every noisy gradient. The adversary knows all records but "
        "one, and {} candidates of whom one is the record; he names one. No adversary can be right more often than "
        "the bound (Hayes et al. 2023). Where batches are sampled the noise is that of the full batch, so the "
        "budget spent is below the stated epsilon. Written by {}; data digest {}."
    )
    candidates = str(int(lines["candidates"].iloc[0]))
    yield Paragraph(prose(text + mark, candidates, code(command), code(dataset.digest[:12])))
    picture = path.with_suffix(".png")
    if picture.exists():
        yield Picture(picture, "Reconstruction against its bound", _NOTE, f"Reconstruction against its bound. {_NOTE}")
    head = [
        *words("epsilon"),
        *numbers("batch rate", "noise multiplier", "named", "from", "to", "guessing", "bound", "trials"),
    ]
    body = [
        [
            Cell(_epsilon(line["epsilon"])),
            figure(line["rate"], "g"),
            figure(line["sigma"], ".3g"),
            *[figure(line[name], ".3f") for name in ("named", "low", "high", "chance", "bound")],
            figure(line["trials"], "g"),
        ]
        for line in lines.to_dict("records")
    ]
    yield Table.of("Reconstruction against its bound", _NOTE, head, body, simulated=dataset.simulated)


def _epsilon(value: float) -> str:
    return "none" if math.isinf(value) else f"{value:g}"


def reconstruction_figure(lines: pd.DataFrame, title: str) -> Figure:
    """Return the picture: what was reached and the bound, by epsilon, a colour for each batch rate."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(6, 3.6), layout="constrained")
    axes = drawn.subplots()
    names = [_epsilon(value) for value in sorted(lines["epsilon"].unique())]
    for (rate, mine), colour in zip(lines.groupby("rate", sort=True), ("#D55E00", "#0072B2"), strict=False):
        mine = mine.sort_values("epsilon")
        places = [names.index(_epsilon(value)) for value in mine["epsilon"]]
        label = "full batch" if rate == 1 else f"batch rate {rate:g}"
        axes.plot(places, mine["bound"], "-", color=colour, label=f"bound, {label}")
        errors = [mine["named"] - mine["low"], mine["high"] - mine["named"]]
        axes.errorbar(places, mine["named"], errors, fmt="o", color=colour, label=f"reached, {label}")
    axes.axhline(lines["chance"].iloc[0], color="grey", linestyle=":", linewidth=1)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlabel("epsilon")
    axes.set_ylabel("right candidate named")
    axes.set_ylim(0, 1.03)
    axes.legend(fontsize=8, frameon=False)
    axes.set_title(title, fontsize=9)
    return drawn
