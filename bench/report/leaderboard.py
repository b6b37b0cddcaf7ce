"""Writes the leaderboard of a dataset, of a finished run or from rows alone, and tells when a page is out of date."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.errors import StoreError
from bench.core.records import FEATURES
from bench.engine import records
from bench.engine.manifest import manifest_of
from bench.engine.releases import given_keys, planned_releases
from bench.execution.runner import Outcome
from bench.execution.session import Session
from bench.registry.sources import remember
from bench.report.beyond import beyond_tables
from bench.report.board import Board, board_of, coverage
from bench.report.claims import claim_tables
from bench.report.comparison import comparison_tables, published_table
from bench.report.decision import decision_table, findings_in_words
from bench.report.figures.front import KEY, FrontPicture, axes_of, front_picture
from bench.report.figures.png_files import drawn_from
from bench.report.figures.ranks import RankPicture, rank_picture
from bench.report.measures import cost_table, failures, lost_rows, measure_tables
from bench.report.privacy import attack_tables
from bench.report.summary import Finding, findings, summary
from bench.report.table import (
    Block,
    Fact,
    Facts,
    Heading,
    Links,
    Paragraph,
    Picture,
    Quote,
    anchor,
    by_section,
    markdown,
    picture,
)
from bench.report.text import Text, bold, code, italic, joined, prose
from bench.store.rows import read_rows, with_labels
from bench.store.store import write_text
from bench.studies.audit_records import audits_file, read_audits

_MARK = "<!-- Written by `bench report` from rows/{name}. Do not edit: the next report replaces it. -->"
_BANNER = """
The real cohort was not on the machine that made these rows; an embedded simulated cohort of the same name and shape
stood in for it. No number on this page is about real people, and none may be quoted as a result on the real cohort.
"""
RAW = "distances, MMD and most attacks are about the few genes with the most reads, and say little of the others"
LEGEND = prose(
    """Every number is mean ± standard deviation (n - 1) over folds and seeds. {} after a number: only 4
of the 5 planned folds gave one, and the mean is over those 4; {} says why. Bold in the tables with arrows: the
best generator and all within one standard deviation of it; incomplete means and controls take no part. {}
(italics) bracket the tables and are not ranked. Generators stand in the order of the first column with an arrow, in
every table.""",
    *(code("(4/5)"), italic("Failures"), italic("Controls")),
)
_PAGES = {  # which page holds a section; every other one has a page of its own, named like its title
    "Membership inference": "attacks",
    "ROC curves": "attacks",
    "Privacy claims": "claims",
    "Critical differences": "comparison",
    "Principal components": "pictures",
    "Images": "pictures",
    "Linkage of sites": "pictures",
    "Published versus ours": "published",
}
# of the pictures that lie beside a page; kind: heading, caption, what to know, text for those who cannot see it
_PICTURES = {
    "ranks": (
        "Critical differences",
        "Mean ranks over folds",
        "A bar joins neighbours among whom no pair is told apart: t tests corrected for overlapping training sets, "
        "then Holm-corrected over all pairs. Folds are few: what a bar joins is not shown to be equal.",
        "Critical-difference diagram of {name}: generators at their mean rank, bars over those not told apart",
    ),
    "roc": (
        "ROC curves",
        "ROC curves, both axes logarithmic",
        "Mean over folds. What counts is the left edge: members found while hardly anybody is wrongly accused.",
        "ROC curves of the attacks on each generator of {name}: the three strongest in colour, GAN-leaks as published "
        "dashed, chance dotted",
    ),
    "pca": (
        "Principal components",
        "Principal components",
        "One basis for all panels, fitted on the training samples of one fold (grey behind each synthetic cohort), and "
        "the same limits. Two components show gross failure; they prove no fidelity and no privacy.",
        "Scatter plots of the first two principal components of {name}: training samples and each generator's "
        "synthetic samples, coloured by class",
    ),
    "samples": (
        "Images",
        "Images of each class, each with its nearest training image",
        "The first images of each class in the release of one fold, none chosen. In a darker frame, of public datasets "
        "alone, the training image at the smallest Euclidean distance. An image that equals its "
        "neighbour is no proof of memory: a held-out one may be as near (see extraction).",
        "For each generator on {name}, rows of synthetic images by class, each beside its nearest training image",
    ),
    "linkage": (
        "Linkage of sites",
        "Linkage of neighbouring sites, its decay, and allele frequencies",
        "Squared correlations of the first 300 sites in the release of one fold, below the diagonal, and in held-out "
        "people, above it; their mean by distance; and the share of sites by minor-allele frequency.",
        "For each generator on {name}, a triangle of linkage beside that of held-out people, and curves of decay and "
        "spectrum",
    ),
}


def publish(session: Session, outcome: Outcome) -> tuple[Path, Path]:
    """Record a finished run, and write rows, leaderboard and the pictures that were asked for; return the first two."""
    request, scope = session.request, session.scope
    dataset, store, out = scope.dataset, scope.store, request.out
    facts = records.about(dataset, request.limits.threads, scope.splits)
    facts |= {"command": request.command} if request.command else {}
    facts["attacks_left_out"] = session.left_out
    facts |= {"notes": request.notes} if request.notes else {}
    facts |= {"given": given} if (given := given_keys(session.plan)) else {}
    document = manifest_of(scope, session.plan, outcome.rows, asdict(request.limits), request.command)
    records.keep(store, dataset, outcome.rows, facts, document)
    rows = records.publish(store, dataset.slug, out)
    records.write_manifest(rows, document)
    remember()  # the manifest names the engine's own sources
    if request.pictures:
        from bench.report.figures.close_ups import draw_all  # late: plotting and statistics libraries take a second

        draw_all(rows, dataset, store, planned_releases(scope, session.plan), umap=False)
    return rows, write_leaderboard(rows)


def page_of(rows: Path) -> Path:
    """Return where the leaderboard of a rows file lies: ``<out>/leaderboard/<slug>.md``."""
    return rows.parent.parent / "leaderboard" / f"{rows.stem}.md"


def write_leaderboard(rows: Path) -> Path:
    """Write the pages of a rows file, with the pictures that rows alone give; return the path of the first page."""
    read = _read(rows)
    for kind, drawn in _drawn(read).items():
        drawn.write(_beside(rows, kind))
    pages = _pages_of(read)  # after the pictures, since they show which there are
    for page, text in pages.items():
        write_text(page, text)
    for old in _of_ours(page_of(rows).with_suffix("")) - set(pages):
        old.unlink()
    return page_of(rows)


@dataclass(frozen=True)
class _Read:
    """A rows file with what all its pages and pictures are made from."""

    path: Path
    about: Mapping[str, Any]
    board: Board
    audits: pd.DataFrame
    found: Mapping[str, Finding]


def _read(path: Path) -> _Read:
    rows, about = read_rows(path)
    board, audits = board_of(rows, about), audits_of(path, about["data"]["digest"])
    return _Read(path, about, board, audits, findings(board, audits, about["data"]["samples"]))


def _drawn(read: _Read) -> dict[str, RankPicture | FrontPicture]:
    """Return the pictures that rows alone give, by kind."""
    board, data = read.board, read.about["data"]
    held = {"ranks": rank_picture(board, data), "front": front_picture(board, read.found, data["title"])}
    return {kind: drawn for kind, drawn in held.items() if drawn is not None}


def _of_ours(folder: Path) -> set[Path]:
    """Return the pages in a folder that `bench report` wrote."""
    start = _MARK.partition("{")[0]
    return {page for page in folder.glob("*.md") if page.read_text(encoding="utf-8").startswith(start)}


def stale(rows: Path, lines: int = 20) -> str | None:
    """Return how the pages differ from what their rows give, as a short diff, or None if they are up to date."""
    first = page_of(rows)
    if not first.exists():
        return f"{first} does not exist."
    read = _read(rows)
    pages = _pages_of(read)
    diff = [line for page, text in pages.items() for line in _diff(page, text, rows)]
    left = [f"... and {len(diff) - lines} more lines"] if len(diff) > lines else []
    left += [
        f"{page} is not what the rows give; remove it." for page in sorted(_of_ours(first.with_suffix("")) - set(pages))
    ]
    for kind, drawn in _drawn(read).items():
        if drawn.fingerprint != drawn_from(_beside(rows, kind)):
            left.append(f"{_beside(rows, kind)} does not show what the rows give.")
    return "\n".join([*diff[:lines], *left]) or None


def _diff(page: Path, text: str, rows: Path) -> list[str]:
    if not page.exists():
        return [f"{page} does not exist."]
    old = page.read_text(encoding="utf-8").splitlines()
    return list(difflib.unified_diff(old, text.splitlines(), str(page), f"what {rows} gives", lineterm="", n=0))


def orphans(out: Path) -> list[Path]:
    """Return the leaderboards without rows behind them: nothing says where their numbers come from."""
    folder = out / "leaderboard"
    pages = _of_ours(folder).union(*map(_of_ours, filter(Path.is_dir, folder.glob("*"))))
    slugs = {page: page.parent.name if page.parent != folder else page.stem for page in pages}
    return sorted(page for page, slug in slugs.items() if not (out / "rows" / f"{slug}.csv").exists())


def rows_files(out: Path, slugs: tuple[str, ...] = ()) -> list[Path]:
    """Return the rows files in a folder of results, all or those of some datasets.

    Raises
    ------
    StoreError
        If there are none, or none of that name.
    """
    found = {path.stem: path for path in sorted((out / "rows").glob("*.csv"))}
    if missing := [slug for slug in slugs if slug not in found]:
        held = f"it holds {', '.join(found)}" if found else "it holds none"
        raise StoreError(f"there are no rows of {missing[0]!r} in {out / 'rows'}; {held}. `bench run` writes them.")
    if not found:
        raise StoreError(f"there are no rows in {out / 'rows'}. `bench run` writes them; --out names another folder.")
    return [found[slug] for slug in slugs] or list(found.values())


def _pages_of(read: _Read) -> dict[Path, str]:
    """Return every page of a rows file with its text: the first, and one for each group of sections in a folder."""
    path, about, board, found = read.path, read.about, read.board, read.found
    grouped: dict[str, dict[str, list[Block]]] = {}
    in_words = (Heading("Every generator"), *summary(board, found, about, read.audits))
    details = leaderboard_blocks(board, about, pictures_of(path), read.audits)
    for title, blocks in by_section(chain(in_words, details)).items():
        grouped.setdefault(_PAGES.get(title, anchor(title)), {})[title] = blocks
    mark, first = _MARK.format(name=path.name), page_of(path)
    places = {name: first.with_suffix("") / f"{name}.md" for name in grouped}
    links = [(", ".join(sections), f"{path.stem}/{name}.md") for name, sections in grouped.items()]
    front = _beside(path, "front") if front_picture(board, found, about["data"]["title"]) else None
    texts = {first: markdown(front_blocks(board, found, about, front, links))}
    for name, sections in grouped.items():
        texts[places[name]] = markdown(_section_page(sections, about, path.stem), beside="../")
    return {page: f"{mark}\n\n{text}" for page, text in texts.items()}


def _section_page(sections: Mapping[str, Sequence[Block]], about: Mapping[str, Any], slug: str) -> Iterator[Block]:
    data = about["data"]
    mark = ", simulated)" if data["simulated"] else ")"
    yield Heading(f"{', '.join(sections)}: {data['title']} (" + code(data["name"]) + mark, level=1)
    yield Links((("what decides, and where the numbers come from", f"../{slug}.md"),))
    for title, blocks in sections.items():
        if len(sections) > 1:
            yield Heading(title)
        yield from blocks


def pictures_of(path: Path) -> dict[str, Path]:
    """Return the pictures that lie beside the leaderboard of a rows file, by kind, as `_PICTURES` has them."""
    beside = {kind: _beside(path, kind) for kind in _PICTURES}
    return {kind: picture for kind, picture in beside.items() if picture.exists()}


def _beside(path: Path, kind: str) -> Path:
    return page_of(path).with_name(f"{path.stem}_{kind}.png")


def audits_of(path: Path, digest: str) -> pd.DataFrame:
    """Return the audits of the very cohort that a rows file is about."""
    found = with_labels(read_audits(audits_file(path.parent.parent, path.stem)))
    return found[found["data"] == digest[:12]]


def leaderboard_blocks(
    board: Board,
    about: Mapping[str, Any],
    pictures: Mapping[str, Path] | None = None,
    audits: pd.DataFrame | None = None,
) -> Iterator[Block]:
    """Yield the sections with all tables, which are the pages below the first one; the same rows give the same.

    Parameters
    ----------
    about : what is said beside the rows, as `bench.store.rows.read_rows` returns it
    pictures : the pictures beside the page, by kind: ``"ranks"``, ``"roc"`` and ``"pca"``
    audits : as `bench.studies.audit_records.read_audits` returns them, with a further column ``label``
    """
    data = about["data"]
    yield from measure_tables(board)
    yield from attack_tables(board, data["samples"], data.get("reference", ""))
    yield from beyond_tables(board)
    yield from claim_tables(board, data["samples"], audits)
    yield from comparison_tables(board, data["samples"])
    yield from cost_table(board)
    yield from published_table(board, data["name"])
    yield from failures(board)
    for kind, path in (pictures or {}).items():
        yield from picture_blocks(kind, path, data)


def front_blocks(
    board: Board,
    found: Mapping[str, Finding],
    about: Mapping[str, Any],
    front: Path | None = None,
    sections: Sequence[tuple[str, str]] = (),
) -> Iterator[Block]:
    """Yield the first page: findings, the picture and the table of what decides; where the numbers come from is last.

    Parameters
    ----------
    front : the picture of use against exposure, if there is one
    sections : title and place of each other page
    """
    data = about["data"]
    mark = ", simulated)" if board.simulated else ")"
    yield Heading(f"Leaderboard: {data['title']} (" + code(data["name"]) + mark, level=1)
    if board.simulated:
        yield Quote(_BANNER.strip(), "⚠ SIMULATED DATA")
    if data.get("units") == "counts":
        yield Paragraph(f"The values are raw counts: {RAW}.")
    yield findings_in_words(board, found, data["samples"])
    if front is not None:
        caption = f"Use against exposure, {axes_of(found)[1]}"
        yield picture(front, caption, KEY, "Use against exposure of every generator on {name}", data)
    yield decision_table(board, found)
    if n_lost := len(lost_rows(board.rows)):
        yield Paragraph(
            bold(f"{n_lost} of {len(board.rows)} planned numbers do not exist")
            + "; "
            + italic("Failures")
            + " says why."
        )
    if sections:
        yield Heading("Everything else")
        yield Links(tuple(sections))
    yield Heading("Where the numbers come from")
    yield Facts(facts_of(board, about))
    yield Paragraph(LEGEND)


def facts_of(board: Board, about: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Return where the numbers come from, each fact with its name."""
    data, versions = about["data"], about["versions"]
    classes = ", ".join(f"{label} {n}" for label, n in sorted(data["classes"].items()))
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    machine = about["machine"]
    size, mark = f"{data['samples']} samples x {data['genes']} {FEATURES[board.modality]}", ", SIMULATED"
    facts: dict[str, Text | str] = {
        "Cohort": size + (mark if board.simulated else ""),
        "Classes": f"{len(data['classes'])} ({classes})",
        **({"Values": _values(data)} if "units" in data else {}),
        "Source": data["source"],
        "Data digest": code(data["digest"][:12]) + " (SHA-256, first 12 digits)",
        "Folds": _folds(board),
        "Last run": code(about["command"]) + f", {about['created']}",
        "Versions": f"bench {about['bench']}, {libraries}",
        "Machine": f"{machine['system']}, {machine['cpus']} CPUs, {machine['threads_per_task']} threads per task, "
        f"--device {machine.get('device', 'auto')}",
    }
    if left_out := about.get("attacks_left_out"):
        facts["Attacks left out"] = f"{', '.join(left_out)}: they need a reference set, which this cohort lacks"
    given = (("As given, " + code(name), "; ".join(notes)) for name, notes in about.get("notes", {}).items())
    return (*facts.items(), *given)


def _values(data: Mapping[str, Any]) -> str:
    """Return what the numbers are, and what that means for distances."""
    if steps := data.get("per_fold"):
        return f"{data['units']}; {', '.join(steps)} fitted in each fold on its training people alone"
    return f"counts, not scaled: {RAW}" if data["units"] == "counts" else str(data["units"])


def _folds(board: Board) -> Text | str:
    """Return which folds the rows are about; generators on other folds than the rest are named."""
    per_label = {label: coverage(board.rows[board.rows["label"] == label]) for label in board.labels}
    if len(set(per_label.values())) <= 1:
        return next(iter(per_label.values()), "none")
    each = joined((board.named(label) + f" on {text}" for label, text in per_label.items()), "; ")
    return "NOT THE SAME for all generators, so that their means do not compare exactly: " + each


def picture_blocks(kind: str, path: Path, data: Mapping[str, Any]) -> tuple[Heading, Picture]:
    """Return the section of a page that shows a picture: ``"ranks"``, ``"roc"`` or ``"pca"``."""
    heading, caption, note, alt = _PICTURES[kind]
    return Heading(heading), picture(path, caption, note, alt, data)
