"""Puts published numbers beside ours, wherever a published method and measure are among our rows."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from bench.registry.declarations import PluginInfo
from bench.registry.finding import plugins
from bench.report.board import Board, Summary, coverage, decimals_for, number, summarise
from bench.report.table import Block, Bullets, Cell, Content, Heading, code, figure, italic, numbers, prose, words


@dataclass(frozen=True)
class Published:
    """One published number, under the names that our rows use.

    Parameters
    ----------
    source, url : who published it and where
    seed : the split seed of the folds it is about; None if the source names none
    dataset, generator, measure, attack : as in the rows; the generator with the parameters that the source names, or
        empty for what the real data of a fold give, whichever the generator
    text : the value with the digits of the source
    """

    source: str
    url: str
    seed: int | None
    dataset: str
    generator: str
    measure: str
    attack: str
    text: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)


def published_numbers() -> list[Published]:
    """Return every published number that the package ships (``bench/published.csv``)."""
    with resources.files("bench.report").joinpath("published.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    names = ("dataset", "generator", "measure", "attack", "value")
    return [
        Published(line["source"], line["url"], int(line["seed"]) if line["seed"] else None, *(line[n] for n in names))
        for line in lines
    ]


def published_table(board: Board, dataset: str) -> Iterator[Block]:
    """Yield the section *published versus ours*; nothing if our rows hold none of the published numbers."""
    pairs = list(_pairs(board, dataset))
    if not pairs:
        return
    body = [_line(board, label, theirs) for label, theirs in pairs]
    note = prose(
        "Difference = ours - published. A source that names the seed of its folds is compared with our rows of that "
        "seed; {} means that it names none, or one that was not run here.",
        italic("other folds"),
    )
    if board.simulated:
        note = (
            "The published numbers are on the real cohort and ours are on SIMULATED data, so that a difference is "
            "expected and agreement proves nothing. " + note
        )
    urls = {theirs.source: theirs.url for _, theirs in pairs}
    head = [*words("generator", "measure"), *numbers("published", "ours", "difference"), *words("ours on", "source")]
    yield Heading("Published versus ours")
    yield board.table("Published versus ours", note, head, body)
    yield Bullets(tuple(f"{source}: {url}" for source, url in sorted(urls.items())))


def _pairs(board: Board, dataset: str) -> Iterator[tuple[str, Published]]:
    """Yield what can be compared: by generator as on the board, then by measure, then by source."""
    numbers = [theirs for theirs in published_numbers() if theirs.dataset == dataset]
    place = {name: (m.table == "", m.table != "utility", m.rank) for name, m in board.measures.items()}
    numbers.sort(key=lambda p: (p.attack, place.get(p.measure, (True, True, 0)), p.measure, p.seed is None, p.source))
    known = plugins("generator")
    settings = {name: _settings(name, known) for name in {*board.labels, *(theirs.generator for theirs in numbers)}}
    for theirs in (theirs for theirs in numbers if not theirs.generator):
        yield from [(label, theirs) for label in board.ranked if _held(board, label, theirs)][:1]
    for label in board.labels:
        for theirs in numbers:
            if settings[label] == settings[theirs.generator] and _held(board, label, theirs):
                yield label, theirs


def _held(board: Board, label: str, theirs: Published) -> bool:
    return (label, theirs.measure, theirs.attack) in board.summaries


def _line(board: Board, label: str, theirs: Published) -> list[Content]:
    summary, where = _ours(board, label, theirs)
    digits = len(theirs.text.partition(".")[2])
    needed = 3 if theirs.attack else decimals_for([summary], board.measures.get(theirs.measure))
    decimals = max(min(digits, 4), needed)
    difference = figure(round(summary.mean - theirs.value, decimals) + 0, f"+.{decimals}f") if summary.n_ok else ""
    measure = f"{theirs.attack}: {theirs.measure}" if theirs.attack else theirs.measure
    head = board.head(label) if theirs.generator else Cell("real data", generator=True)
    published = Cell(theirs.text, theirs.value)
    return [head, code(measure), published, number(summary, decimals), difference, where, theirs.source]


def _ours(board: Board, label: str, theirs: Published) -> tuple[Summary, str]:
    """Return our number on the folds of the source, or else on all of ours, and which those are."""
    rows = board.rows
    if theirs.seed in set(rows["seed"][rows["label"] == label]):
        rows = rows[(rows["seed"] == theirs.seed) & (rows["label"] == label)]
        part = rows[(rows["measure"] == theirs.measure) & (rows["attack"] == theirs.attack)]
        found = summarise(part, ["label", "measure", "attack"])
        return found[label, theirs.measure, theirs.attack], coverage(part)
    return board.summary(label, theirs.measure, theirs.attack), "other folds"


def _settings(label: str, known: Mapping[str, PluginInfo]) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Return a generator's name and all its parameters, defaults included, so that ``a`` equals ``a[x=<default>]``."""
    name, _, text = label.removesuffix("]").partition("[")
    params = dict(known[name].params) if name in known else {}
    params |= {key: _value(value) for key, _, value in (part.partition("=") for part in text.split(",") if part)}
    return name, tuple(sorted(params.items()))


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return float(text) if text in ("inf", "-inf") else text
