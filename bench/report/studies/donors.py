"""Shows the study of other samples of donors: a page, and the tidy rows as CSV."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.datasets import Dataset
from bench.report.studies.common import simulated_warning, write_page
from bench.report.table import Block, Bullets, Cell, Heading, Paragraph, Table, figure, numbers, words
from bench.report.text import code, prose
from bench.statistics.membership import shown
from bench.store.store import write_atomic
from bench.studies.donors import FEWEST, TierPlan, found_by_tier

_NOTE = (
    "AUC of the strongest attack, less the luck of being the best, with a 95 % interval for all attacks at once; p is "
    "corrected for attacks and their signs. Donors: those who were trained on and have such a sample, over all folds."
)


def write_donor_study(
    folder: Path, dataset: Dataset, plans: Sequence[TierPlan], rows: pd.DataFrame, command: str
) -> Path:
    """Write ``<slug>_donors`` as .md and .csv into a folder and return the page.

    Parameters
    ----------
    plans, rows : as `bench.studies.donors` makes them
    command : what was typed, for the page
    """
    page = folder / f"{dataset.slug}_donors.md"
    write_atomic(page.with_suffix(".csv"), lambda f: f.write(rows.to_csv(index=False).encode()))
    return write_page(page, _page(dataset, plans, rows, command))


def _page(dataset: Dataset, plans: Sequence[TierPlan], rows: pd.DataFrame, command: str) -> Iterator[Block]:
    yield Heading(f"Other samples of donors: {dataset.title}", level=1)
    yield from simulated_warning(dataset)
    text = (
        "Generators are trained on one sample of each donor. The same attacks on the same release are asked about "
        "these samples, about other samples of their donors of the same kind, and of another kind; members are donors "
        "who were trained on, the others are held out. Written by {}; data digest {}."
    )
    yield Paragraph(prose(text, code(command), code(dataset.digest[:12])))
    head = [*words("generator", "target"), *numbers("AUC", better="lower"), *numbers("from", "to", "p")]
    head += [*numbers("donors", "folds"), *words("strongest attack")]
    body = [_line(line) for line in found_by_tier(rows).to_dict("records")]
    yield Table.of("What another sample tells", _NOTE, head, body, simulated=dataset.simulated)
    if left := [plan.tier for plan in plans if not plan.cells]:
        yield Paragraph(
            f"Not asked about, because fewer than {FEWEST} donors on a side have such a sample: {', '.join(left)}."
        )
    if (lost := rows[rows["status"] != "ok"]).size:
        yield Heading("Failures")
        yield Bullets(tuple(f"{n}: {reason}" for reason, n in lost["reason"].value_counts().items()))


def _line(line: Mapping[Hashable, Any]) -> list[Cell]:
    name = f"{line['generator']}[{line['params']}]" if line["params"] else str(line["generator"])
    return [
        Cell(code(name), generator=True),
        Cell(str(line["tier"])),
        *(figure(line[column], ".3f") for column in ("value", "low", "high")),
        figure(line["p_value"], ".2g"),
        figure(line["n_members"], "d"),
        figure(line["n_folds"], "d"),
        Cell(code(shown(str(line["attack"]), bool(line["reversed"])))),
    ]
