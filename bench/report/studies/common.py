"""What the pages of studies share: the warning of simulated data, the look of a line, and how a page is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.datasets import Dataset
from bench.report.table import Block, Quote, markdown
from bench.report.text import bold
from bench.store.store import write_text

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # of Okabe and Ito
_MARKERS = ("o", "^", "s", "X")
_SIMULATED = " A simulated cohort stands in for the real one; no number here is about real people."


def look(i: int) -> tuple[str, str]:
    """Return colour and marker of the i-th line of a picture; colours come again with another marker."""
    return _COLOURS[i % len(_COLOURS)], _MARKERS[i // len(_COLOURS) % len(_MARKERS)]


def simulated_warning(dataset: Dataset) -> Iterator[Block]:
    """Yield what a page opens with if no measured value is in the data; nothing otherwise."""
    if dataset.simulated:
        yield Quote(bold("SIMULATED DATA.") + _SIMULATED)


def write_page(page: Path, blocks: Iterable[Block]) -> Path:
    """Write blocks as Markdown, whole or not at all, and return the path."""
    write_text(page, markdown(blocks))
    return page
