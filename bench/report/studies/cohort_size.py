"""Shows the study of exposure against cohort size: a page, the tidy rows as CSV, a picture, and a section in HTML."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from bench.studies.cohort_size import TOTAL, by_generator, curves, falls_off

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOTE = (
    "Mean AUC of the strongest attack, less the luck of being the best, against the number of people that the "
    "generator was trained on; bands from the smallest to the largest fold."
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
    return write_page(page, _page(dataset, rows, found, page, command))


def _page(dataset: Dataset, rows: pd.DataFrame, found: pd.DataFrame, path: Path, command: str) -> Iterator[Block]:
    n_genes = dataset.cohort.n_genes
    yield Heading(f"Exposure against cohort size: {dataset.title}", level=1)
    yield from simulated_warning(dataset)
    text = (
        f"{len(dataset.cohort)} people, {n_genes} genes; data digest {{}}. The training set of each "
        "fold is cut to several sizes, each of which holds the smaller ones; the people held out stay. AUC and TPR are "
        "those of the strongest attack, less the luck of being the best of many: mean, and smallest to largest over "
        "folds. A generator that is fitted class by class has as many people as genes only where each class has, far "
        "to the right of n = genes. Written by {}; every attack is in {}."
    )
    yield Paragraph(prose(text, code(dataset.digest[:12]), code(command), code(path.with_suffix(".csv").name)))
    yield Heading("Where exposure falls off")
    yield from _results(found, n_genes, path.with_suffix(".png"), simulated=dataset.simulated)
    yield from _lost(rows)


def _results(found: pd.DataFrame, n_genes: int, image: Path, *, simulated: bool) -> Iterator[Block]:
    """Yield what a study found: in words, as a picture if there is one, and as a table."""
    yield Bullets(tuple(code(name) + f": {fall(curve, n_genes)}" for name, curve in by_generator(found)))
    title = f"Exposure against cohort size, {n_genes} genes"
    caption = marked(title, simulated=simulated)
    if image.exists():
        yield Picture(image, caption, _NOTE, f"{caption}: one line per generator. {_NOTE}")
    body = [_line(name, p, n_genes) for name, curve in by_generator(found) for p in curve.to_dict("records")]
    note = "The numbers of the picture: AUC as mean, smallest and largest over folds; TPR as mean."
    head = [*words("generator"), *numbers("people", "people / genes"), *numbers("AUC", better="lower")]
    head += [*numbers("smallest", "largest"), *numbers("TPR at FPR 1 %", better="lower"), *numbers("folds")]
    yield Table.of(title, note, [*head, *words("strongest attack")], body, simulated=simulated)


def _line(name: str, point: Mapping[Hashable, Any], n_genes: int) -> list[Cell]:
    read = [figure(point[c], ".3f") if point["ok"] else ABSENT for c in ("auc", "auc_low", "auc_high", "tpr")]
    return [
        Cell(code(name), generator=True),
        figure(int(point["n_train"]), "d"),
        figure(point["n_train"] / n_genes, ".2f"),
        *read,
        Cell(f"{point['ok']} / {point['planned']}", point["ok"]),
        Cell(str(point["attacks"])) if point["ok"] else ABSENT,
    ]


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


def _lost(rows: pd.DataFrame) -> Iterator[Block]:
    lost = rows[rows["status"] != "ok"]
    if len(lost):
        counts = lost.groupby(["generator", "n_train", "reason"])["attack"].nunique().reset_index().to_dict("records")
        yield Heading("Failures")
        yield Bullets(
            tuple(code(c["generator"]) + f", n = {c['n_train']}, {c['attack']} attacks: {c['reason']}" for c in counts)
        )


# -- on the page of the dataset ----------------------------------------------------------------------------------------


def studies_of(rows: Path) -> list[Path]:
    """Return the tables of the studies that were made with the dataset of a rows file, on all or some of its genes."""
    wanted = re.compile(rf"{re.escape(rows.stem)}(-\d+genes)?_cohort_size\.csv")
    simulated = re.compile(rf"{re.escape(rows.stem.removesuffix('-simulated'))}-\d+genes-simulated_cohort_size\.csv")
    fits = simulated.fullmatch if rows.stem.endswith("-simulated") else wanted.fullmatch
    found = sorted((rows.parent.parent / "studies").glob("*_cohort_size.csv"))
    return [path for path in found if fits(path.name) or wanted.fullmatch(path.name)]


def read_study(path: Path) -> tuple[pd.DataFrame, int]:
    """Return the rows of a study and how many genes it is about."""
    table = pd.read_csv(path, keep_default_na=False, na_values={"value": [""], "low": [""], "high": [""]})
    return table, int(table["n_genes"].iloc[0])


def study_section(rows: Path, *, simulated: bool) -> Iterator[Block]:
    """Yield the section on the studies that were made with the dataset of a rows file; nothing if there is none."""
    for i, path in enumerate(studies_of(rows)):
        if i == 0:
            yield Heading("Exposure against cohort size")
        table, n_genes = read_study(path)
        yield Paragraph("The training sets of some folds were cut to several sizes; the people held out stayed.")
        yield from _results(curves(table), n_genes, path.with_suffix(".png"), simulated=simulated)


# -- the picture -------------------------------------------------------------------------------------------------------


def _draw(path: Path, dataset: Dataset, found: pd.DataFrame) -> None:
    title = f"{dataset.title}{' - SIMULATED DATA' if dataset.simulated else ''}"
    fingerprint = fingerprint_of(own_digest("bench.report.studies.cohort_size"), title, found.to_csv(index=False))
    draw_png(path, fingerprint, lambda: study_figure(found, dataset.cohort.n_genes, title))


def study_figure(found: pd.DataFrame, n_genes: int, title: str) -> Figure:
    """Return the picture of the rows of `bench.studies.cohort_size.curves`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.8), dpi=110, layout="constrained")
    axes = figure.subplots()
    for i, (name, curve) in enumerate(by_generator(found)):
        colour, marker = look(i)
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
