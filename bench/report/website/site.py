"""Writes a static site of all results: a board of every dataset, pages of generators and attacks, JSON of every number.

It needs no server and loads nothing from elsewhere. Pages and data of a dataset lie a second time under the SHA-256 of
its rows (``at/<digest>/``), which later writings leave alone: a link to them stays.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from bench.core.files import explain_io_errors
from bench.core.formatting import counted
from bench.core.records import MODALITIES
from bench.registry.declarations import PluginInfo
from bench.registry.finding import plugins
from bench.report.board import Board, board_of, number, sound_attacks
from bench.report.decision import claim_cell, exposure_cells, folds_of, head_of_fold, verdict_cell
from bench.report.figures.front import KEY, axes_of, front_points, front_svg, only_named
from bench.report.html import Known, Limit, facts_of_finding, page_text, whole_page
from bench.report.leaderboard import audits_of, rows_files
from bench.report.summary import Finding, findings
from bench.report.table import (
    ABSENT,
    Block,
    Cell,
    Column,
    Content,
    Facts,
    Heading,
    Paragraph,
    Picture,
    Table,
    by_section,
    html,
    marked,
    numbers,
    words,
)
from bench.report.text import Text, code, joined, prose
from bench.report.website.feed import feed, note
from bench.store.rows import read_rows
from bench.store.store import write_text
from bench.store.verified import Mark, marks_of

_LIMITS = [
    Limit("use", "use at least", "least"),
    Limit("worst", "worst class at least", "least"),
    Limit("auc", "AUC at most", "most"),
    Limit("epsilon", "epsilon, end to end, at most", "most"),
    Limit("stated", "epsilon, also in part, at most", "most"),
]
_DIGITS = 12  # of a digest in a link


@dataclass(frozen=True, eq=False)
class Held:
    """What the results hold about one dataset.

    Parameters
    ----------
    path : its rows file
    digest : SHA-256 of the rows, cut
    marks : of the releases whose rows a rerun gave again
    """

    path: Path
    digest: str
    rows: pd.DataFrame
    about: Mapping[str, Any]
    board: Board
    found: Mapping[str, Finding]
    marks: Mapping[str, Mark]

    @property
    def slug(self) -> str:
        """The name of its rows file."""
        return self.path.stem

    @property
    def modality(self) -> str:
        """What was measured."""
        return str(self.about["data"].get("modality", MODALITIES[0]))

    @cached_property
    def front(self) -> str:
        """Use against exposure of every generator, as SVG."""
        mark = "SIMULATED data" if self.board.simulated else ""
        return front_svg(front_points(self.board, self.found), axes_of(self.found), "", mark)


def write_site(results: Path, folder: Path) -> list[Path]:
    """Write the site of a folder of results and return its pages.

    Raises
    ------
    StoreError
        If there are no rows, or a file cannot be written.
    """
    with explain_io_errors(folder, "Name another folder with --out"):
        folder.mkdir(parents=True, exist_ok=True)
    held = sorted((_held(path) for path in rows_files(results)), key=_place)
    pages = {folder / "index.html": _board_page(held)}
    for one in held:
        page = page_text(one.path, home="../index.html")
        permanent = folder / "at" / one.digest
        pages[folder / "datasets" / f"{one.slug}.html"] = page
        pages[permanent / f"{one.slug}.html"] = page.replace('href="../index.html"', 'href="../../index.html"', 1)
        text = _data(one)
        note(permanent, _noted(one))
        write_text(folder / "data" / f"{one.slug}.json", text)
        write_text(permanent / f"{one.slug}.json", text)
    for kind, names in (("generator", _generators(held)), ("attack", _attacks(held))):
        known = plugins(kind)  # type: ignore[arg-type]
        make = _generator_page if kind == "generator" else _attack_page
        for name in names:
            pages[folder / f"{kind}s" / f"{name}.html"] = make(name, known.get(name), held)
    for path, text in pages.items():
        write_text(path, text)
    write_text(folder / "data" / "index.json", json.dumps(_index(held), indent=1) + "\n")
    write_text(folder / "feed.xml", feed(folder))
    return list(pages)


def _held(path: Path) -> Held:
    rows, about = read_rows(path)
    board = board_of(rows, about)
    found = findings(board, audits_of(path, about["data"]["digest"]), about["data"]["samples"])
    marks = marks_of(path.parent.parent, path.stem, rows)
    return Held(path, hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS], rows, about, board, found, marks)


def _place(one: Held) -> tuple[bool, int, str]:
    """Return where a dataset stands on the board: real people first, by modality, by name."""
    return one.board.simulated, MODALITIES.index(one.board.modality), one.slug


def _noted(one: Held) -> dict[str, Any]:
    """Return what the feed says of this state of a dataset."""
    return {
        "dataset": one.slug,
        "title": str(one.about["data"]["title"]) + (" (SIMULATED)" if one.board.simulated else ""),
        "created": one.about["created"],
        "page": f"at/{one.digest}/{one.slug}.html",
        "releases": one.board.ranked,
    }


# -- numbers for programs ----------------------------------------------------------------------------------------------


def _data(one: Held) -> str:
    """Return every number of a dataset, failures included, as JSON; what is not finite is null."""
    columns = list(one.rows.columns)
    rows = [[_plain(value) for value in row] for row in one.rows.astype(object).to_numpy().tolist()]
    marks = {label: asdict(mark) for label, mark in one.marks.items()}
    document = {"about": one.about, "verified": marks, "columns": columns, "rows": rows}
    return json.dumps(document, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _index(held: Sequence[Held]) -> list[dict[str, Any]]:
    return [
        {
            "dataset": one.slug,
            "modality": one.modality,
            "simulated": one.board.simulated,
            "rows": len(one.rows),
            "page": f"datasets/{one.slug}.html",
            "data": f"data/{one.slug}.json",
            "permanent": f"at/{one.digest}/{one.slug}.html",
        }
        for one in held
    ]


# -- the board ---------------------------------------------------------------------------------------------------------


def _board_page(held: Sequence[Held]) -> str:
    many = f"{counted(len(held), 'dataset')}, {counted(sum(len(one.board.ranked) for one in held), 'release')}"
    lead = prose(
        "Which synthetic data can be released, what do they cost in science, and what do they leak? "
        f"{many}. An attack that finds nothing proves nothing. Every number is in {{}}, changes are in {{}}.",
        code("data/"),
        code("feed.xml"),
    )
    blocks: list[Block] = [Heading("Board"), _table("Board", _lines(held), "datasets/{}.html", "generators/{}.html")]
    blocks += [Heading("Datasets"), _datasets(held)]
    blocks += [Heading("Attacks"), _attack_list(held)]
    variants = {(one.slug, label) for one in held for fold in folds_of(one.board) for label in fold.others}
    facts = _facts(_lines(held))
    for one, label in _lines(held):
        facts[_name(one, label)]["variant"] = (one.slug, label) in variants
    return _page("omics-bench: all results", lead, blocks, facts, changes="feed.xml")


def _facts(lines: Iterable[tuple[Held, str]]) -> dict[str, Known]:
    """Return what limits and choices are held against, of each line of a table of releases."""
    return {
        _name(one, label): {**facts_of_finding(label, one.found[label]), "dataset": one.slug, "modality": one.modality}
        for one, label in lines
    }


def _page(
    title: str, lead: Text, blocks: Sequence[Block], facts: Mapping[str, Known], home: str = "", changes: str = ""
) -> str:
    sections = {name: html(held) for name, held in by_section(blocks).items()}
    search = "Only what is named"
    return whole_page(title, lead, sections, _LIMITS, facts, home=home, search=search, changes=changes)


def _lines(held: Sequence[Held], generator: str = "") -> Iterator[tuple[Held, str]]:
    """Yield each release with its dataset, of one generator if it is named, those that are no control first."""
    for one in held:
        for label in sorted(one.board.labels, key=lambda label: label in one.board.controls):
            if not generator or label.partition("[")[0] == generator:
                yield one, label


def _name(one: Held, label: str) -> str:
    """Return what a line of the board is found by: modality, dataset and release."""
    simulated = " simulated" if one.board.simulated else ""
    return f"{one.modality}{simulated} {one.slug}: {one.board.head(label).plain()}"


def _table(title: str, lines: Iterable[tuple[Held, str]], dataset: str, generator: str) -> Table:
    """Return releases of several datasets in one table; the two texts say where the pages of both lie.

    Where generators have pages of their own, a release with variants says how many there are.
    """
    body: list[list[Content]] = []
    lines = list(lines)
    held = {one.slug: one for one, _ in lines} if generator else {}
    folds = {(slug, fold.label): fold for slug, one in held.items() for fold in folds_of(one.board)}
    for one, label in lines:
        f = one.found[label]
        name = label.partition("[")[0]
        head = one.board.head(label)
        if fold := folds.get((one.slug, label)):
            head = head_of_fold(one.board, one.found, fold)
        head = replace(head, whose=_name(one, label), link=generator.format(name) if generator else "")
        mark = " (SIMULATED)" if one.board.simulated else ""
        use, worst = (number(s.value, 2) if s.measure else ABSENT for s in (f.use, f.worst))
        by = Cell(f.use.measure.called if f.use.measure else "-")
        where = Cell(one.slug + mark, link=dataset.format(one.slug))
        body.append([head, where, Cell(one.modality), use, by, worst, *exposure_cells(f), claim_cell(f),
                     verdict_cell(f, one.board, label), _mark(one, label)])  # fmt: skip
    note = (
        "Means over folds. Use: by the measure beside it. AUC of the strongest attack less the luck of being the best, "
        "with a 95 % interval. Numbers of two datasets do not compare. Rows that call their data SIMULATED are about "
        "nobody. Variants of a generator are folded into one line until something is searched or filtered. Verified: "
        "a rerun gave every number of the release again, or of the folds that are named, to the tolerance of bench "
        "verify."
    )
    minor = {title: Column(title, minor=True) for title in ("modality", "by", "attack")}
    heads = [*words("release", "dataset"), minor["modality"], *numbers("use", better="higher"), minor["by"]]
    heads += [*numbers("worst class", better="higher"), *numbers("strongest attack, AUC", better="lower")]
    heads += [minor["attack"], *words("claims", "verdict", "verified")]
    return replace(Table.of(title, note, heads, body), role="decides")


def _mark(one: Held, label: str) -> Cell:
    """Return whether a rerun reproduced every number of a release, and when."""
    mark = one.marks.get(label)
    if mark is None:
        return ABSENT
    cells = one.board.rows.loc[one.board.rows["label"] == label, ["seed", "fold"]].drop_duplicates()
    part = "" if len(mark.folds) == len(cells) else f", {mark.part(len(cells))}"
    return Cell(f"✓ verified {mark.on}{part}")


def _datasets(held: Sequence[Held]) -> Table:
    body = [
        [
            Cell(one.slug, link=f"datasets/{one.slug}.html"),
            one.about["data"]["title"] + (" (SIMULATED)" if one.board.simulated else ""),
            one.modality,
            Cell(str(one.about["data"]["samples"]), float(one.about["data"]["samples"])),
            one.about["created"][:10],
            Cell("JSON", link=f"data/{one.slug}.json"),
            Cell(one.digest, link=f"at/{one.digest}/{one.slug}.html"),
        ]
        for one in held
    ]
    head = [*words("name", "dataset", "modality"), *numbers("people"), *words("last run", "numbers", "permanent link")]
    return Table.of("Datasets", "A permanent link shows these very rows, also when others have come.", head, body)


def _attack_list(held: Sequence[Held]) -> Table:
    known = plugins("attack")
    body: list[list[Content]] = [
        [
            Cell(code(name), link=f"attacks/{name}.html"),
            *_about_attack(known.get(name)),
            known[name].summary if name in known else "",
        ]
        for name in _attacks(held)
    ]
    note = "What each sees, and what it looks at."
    return Table.of("Attacks", note, words("attack", "sees", "looks at", "what it does"), body)


def _about_attack(info: PluginInfo | None) -> tuple[str, str]:
    if info is None:
        return "not installed here", "not installed here"
    return str(info.option("access", "black-box")), str(info.option("family", "distance"))


# -- cards of generators and attacks -----------------------------------------------------------------------------------


def _generators(held: Sequence[Held]) -> list[str]:
    return sorted({label.partition("[")[0] for one in held for label in one.board.labels})


def _attacks(held: Sequence[Held]) -> list[str]:
    return sorted({name for one in held for name in set(one.board.rows["attack"]) - {""}})


def _card(info: PluginInfo | None) -> Facts:
    if info is None:
        return Facts((("What it is", "not installed here, so that nothing is known but its numbers"),))
    doi = info.option("doi", "")
    parameters = ", ".join(f"{name}={value!r}" for name, value in info.params.items())
    facts: dict[str, str] = {
        "What it is": info.summary,
        "Serves": ", ".join(info.modalities),
        "Releases": info.released if info.kind == "generator" else "",
        "Sees, looks at": ", ".join(_about_attack(info)) if info.kind == "attack" else "",
        "Parameters": parameters,
        "Described in": f"https://doi.org/{doi}" if doi else "",
    }
    return Facts(tuple((name, text) for name, text in facts.items() if text))


def _generator_page(name: str, info: PluginInfo | None, held: Sequence[Held]) -> str:
    lines = list(_lines(held, name))
    blocks: list[Block] = [Heading("Summary"), _card(info), Heading("Board")]
    blocks.append(_table("Where it stands", iter(lines), "../datasets/{}.html", ""))
    claims = [(one, label, one.found[label].claim) for one, label in lines]
    texts = [prose(f"{{}} on {one.slug}: {' / '.join(c.texts)}.", code(label)) for one, label, c in claims if c]
    blocks += [Heading("Claims"), *(Paragraph(t) for t in texts or [Text() + "It claims nothing."])]
    blocks += [Heading("Cost"), _cost(lines)]
    blocks += [Heading("Pictures"), *_pictures(name, held)]
    lead = Text() + "A generator, in every dataset it was run on."
    return _page(name, lead, blocks, _facts(lines), "../index.html")


def _pictures(name: str, held: Sequence[Held]) -> Iterator[Block]:
    """Yield use against exposure of each dataset, with the releases of one generator among the others."""
    for one in held:
        names = {one.board.head(label).plain() for _, label in _lines([one], name)}
        if names & {p.name for p in front_points(one.board, one.found)}:
            title = marked(f"{name} on {one.slug}", simulated=one.board.simulated)
            described = f"{title}: use against the AUC of the strongest attack. The numbers are in the table above."
            svg = Markup(only_named(one.front, names, title, described))  # noqa: S704 - drawn by matplotlib, escaped
            yield Picture(svg, title, "The other generators are faint. " + KEY, described)


def _cost(lines: Sequence[tuple[Held, str]]) -> Table:
    body: list[list[Content]] = [
        [one.board.head(label), one.slug, *(number(one.board.summary(label, m), 1) for m in ("wall_s", "peak_mb"))]
        for one, label in lines
    ]
    head = [*words("release", "dataset"), *numbers("seconds a fold", "peak memory, MB", better="lower")]
    return Table.of("Cost", "Of fitting and sampling, per fold.", head, body)


def _attack_page(name: str, info: PluginInfo | None, held: Sequence[Held]) -> str:
    body: list[list[Content]] = []
    lines: list[tuple[Held, str]] = []
    for one, label in _lines(held):
        auc, found = (one.board.summary(label, m, name) for m in ("auc", "tpr_at_fpr_01"))
        if auc.n_planned:
            strongest = "yes" if one.found[label].attack == name else ""
            link = f"../generators/{label.partition('[')[0]}.html"
            head = replace(one.board.head(label), whose=_name(one, label), link=link)
            where = Cell(one.slug, link=f"../datasets/{one.slug}.html")
            body.append([head, where, number(auc, 3), number(found, 3), strongest])
            lines.append((one, label))
    body.sort(key=lambda row: -(row[2].value or 0.0) if isinstance(row[2], Cell) else 0.0)
    sound = any(name in sound_attacks(one.board.rows) for one in held)
    note = "As observed, mean ± standard deviation over folds; an AUC of 0.5 is guessing."
    note += "" if sound else " The published arithmetic, kept to be compared with published numbers; it judges nobody."
    head_ = [
        *words("release", "dataset"),
        *numbers("AUC", "TPR at FPR 1 %", better="lower"),
        *words("strongest by AUC"),
    ]
    blocks: list[Block] = [
        Heading("Summary"),
        _card(info),
        Heading("Board"),
        Table.of("What it found", note, head_, body),
    ]
    lead = "An attack; run on " + joined(one.slug for one in held if name in set(one.board.rows["attack"])) + "."
    return _page(name, lead, blocks, _facts(lines), "../index.html")
