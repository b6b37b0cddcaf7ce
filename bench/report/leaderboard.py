"""Writes the leaderboard of a dataset, of a finished run or from rows alone, and tells when a page is out of date."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.errors import StoreError
from bench.engine import records
from bench.engine.manifest import manifest_of
from bench.engine.releases import given_keys, planned_releases
from bench.execution.runner import Outcome
from bench.execution.session import Session
from bench.registry.sources import remember
from bench.report.board import Board, coverage, make_board
from bench.report.claims import claim_tables
from bench.report.comparison import comparison_tables, published_table
from bench.report.figures.png_files import drawn_from
from bench.report.figures.ranks import rank_picture
from bench.report.measures import cost_table, failures, measure_tables
from bench.report.privacy import attack_tables
from bench.report.table import Block, Fact, Facts, Heading, Paragraph, Picture, Quote, markdown, picture
from bench.report.text import Text, code, italic, joined, prose
from bench.store.rows import read_rows, with_labels
from bench.store.store import write_text
from bench.studies.audit_records import audits_file, read_audits

_MARK = "<!-- Written by `bench report` from rows/{name}. Do not edit: the next report replaces it. -->"
_BANNER = """
The real cohort was not on the machine that made these rows; an embedded simulated cohort of the same name and shape
stood in for it. No number on this page is about real people, and none may be quoted as a result on the real cohort.
"""
LEGEND = prose(
    """Every number is mean ± standard deviation (n - 1) over folds and seeds. {} after a number: only 4
of the 5 planned folds gave one, and the mean is over those 4; {} says why. Bold in the tables with arrows: the
best generator and all within one standard deviation of it; incomplete means and controls take no part. {}
(italics) bracket the tables and are not ranked. Generators stand in the order of the first column with an arrow, in
every table.""",
    *(code("(4/5)"), italic("Failures"), italic("Controls")),
)
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
}


def publish(session: Session, outcome: Outcome) -> tuple[Path, Path]:
    """Record a finished run, and write rows, leaderboard and the pictures that were asked for; return the first two."""
    request, scope = session.request, session.scope
    dataset, store, out = scope.dataset, scope.store, request.out
    facts = records.about(dataset, request.limits.threads)
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
    """Write the leaderboard of a rows file, with the picture that rows alone give, and return its path."""
    page, (table, about) = page_of(rows), read_rows(rows)
    if ranks := rank_picture(table, about["data"]):
        ranks.write(_beside(rows, "ranks"))
    text = _text(rows, table, about)  # after the picture, since it shows which pictures there are
    write_text(page, text)
    return page


def stale(rows: Path, lines: int = 20) -> str | None:
    """Return how the leaderboard differs from what its rows give, as a short diff, or None if it is up to date."""
    page = page_of(rows)
    if not page.exists():
        return f"{page} does not exist."
    table, about = read_rows(rows)
    old, new = page.read_text(encoding="utf-8").splitlines(), _text(rows, table, about).splitlines()
    diff = list(difflib.unified_diff(old, new, str(page), f"what {rows} gives", lineterm="", n=0))
    left = [f"... and {len(diff) - lines} more lines"] if len(diff) > lines else []
    ranks, picture = rank_picture(table, about["data"]), _beside(rows, "ranks")
    if ranks and ranks.fingerprint != drawn_from(picture):
        left.append(f"{picture} does not show what the rows give.")
    return "\n".join([*diff[:lines], *left]) or None


def orphans(out: Path) -> list[Path]:
    """Return the leaderboards without rows behind them: nothing says where their numbers come from."""
    start = _MARK.partition("{")[0]
    pages = sorted((out / "leaderboard").glob("*.md"))
    ours = (page for page in pages if page.read_text(encoding="utf-8").startswith(start))
    return [page for page in ours if not (out / "rows" / f"{page.stem}.csv").exists()]


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


def _text(path: Path, rows: pd.DataFrame, about: Mapping[str, Any]) -> str:
    body = markdown(leaderboard_blocks(rows, about, pictures_of(path), audits_of(path, about["data"]["digest"])))
    return f"{_MARK.format(name=path.name)}\n\n{body}"


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
    rows: pd.DataFrame,
    about: Mapping[str, Any],
    pictures: Mapping[str, Path] | None = None,
    audits: pd.DataFrame | None = None,
) -> Iterator[Block]:
    """Yield the blocks of the page; the same rows give the same ones.

    Parameters
    ----------
    rows, about : as `bench.store.rows.read_rows` returns them
    pictures : the pictures beside the page, by kind: ``"ranks"``, ``"roc"`` and ``"pca"``
    audits : as `bench.studies.audit_records.read_audits` returns them, with a further column ``label``
    """
    data = about["data"]
    board = make_board(rows, simulated=data["simulated"])
    yield from _header(board, about)
    yield from measure_tables(board)
    yield from attack_tables(board, data["samples"])
    yield from claim_tables(board, data["samples"], audits)
    yield from comparison_tables(board, data["samples"])
    yield from cost_table(board)
    yield from published_table(board, data["name"])
    yield from failures(board)
    for kind, path in (pictures or {}).items():
        yield from picture_blocks(kind, path, data)


def _header(board: Board, about: Mapping[str, Any]) -> Iterator[Block]:
    data = about["data"]
    mark = ", simulated)" if board.simulated else ")"
    yield Heading(f"Leaderboard: {data['title']} (" + code(data["name"]) + mark, level=1)
    if board.simulated:
        yield Quote(_BANNER.strip(), "⚠ SIMULATED DATA")
    yield Facts(facts_of(board, about))
    yield Paragraph(LEGEND)


def facts_of(board: Board, about: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Return where the numbers come from, each fact with its name."""
    data, versions = about["data"], about["versions"]
    classes = ", ".join(f"{label} {n}" for label, n in sorted(data["classes"].items()))
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    machine = about["machine"]
    facts: dict[str, Text | str] = {
        "Cohort": f"{data['samples']} samples x {data['genes']} genes{', SIMULATED' if board.simulated else ''}",
        "Classes": f"{len(data['classes'])} ({classes})",
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
