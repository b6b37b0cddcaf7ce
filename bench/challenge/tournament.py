"""Scores attack entries against the sealed key of a round: a table of attacks x generators, and its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.boundary.views import Candidates
from bench.challenge.archive import RefusedError, shown
from bench.challenge.blue_entry import team_and_dataset
from bench.challenge.red_entry import AttackEntry, read_attack_entry
from bench.challenge.red_round import ANNOUNCEMENT, Key, Release, read_announcement
from bench.core.errors import DataError
from bench.core.files import sha256
from bench.datasets import Dataset, load_dataset
from bench.statistics.exposure import outlying
from bench.store.store import write_atomic

_NUMBERS = ("value", "low", "high")
COLUMNS = ["team", "attack", "release", "generator", "measure", "value", "low", "high", "entry_sha256"]
_SHOWN = (("auc", "AUC"), ("tpr_at_fpr_01", "TPR at FPR 1 %"), ("auc_worst_class", "AUC, worst class"))


def dataset_of_key(key: Key, public: Path | None) -> Dataset:
    """Return the real cohort that a key is about, after a check that the key is the one announced.

    Raises
    ------
    DataError
        If the cohort or the key is not the one of the round.
    """
    dataset = load_dataset(key.dataset).same_in_all_folds()
    if dataset.digest != key.data_digest or any(len(r.member) != len(dataset.cohort) for r in key.releases):
        raise DataError(
            f"the key is about other data than {dataset.label_name!r} on this machine (digest {key.data_digest[:12]}, "
            f"here {dataset.digest[:12]}). Use the same release of the cohort."
        )
    if public is not None and read_announcement(public).key_sha256 != key.sha256:
        raise DataError(
            f"the key is not the one that {public / ANNOUNCEMENT} is sealed with: its SHA-256 is {key.sha256[:12]}... "
            "A key that was changed after the releases went out cannot be used."
        )
    return dataset


def judge(
    paths: Sequence[Path], key: Key, dataset: Dataset, refuse: Callable[[Path, RefusedError], object]
) -> pd.DataFrame:
    """Return one row per entry, release and measure; entries that cannot be used are handed to `refuse`."""
    outlier = outlying(dataset.cohort.X, dataset.cohort.y)
    rows: list[dict[str, object]] = []
    seen: dict[str, Path] = {}
    for path in paths:
        try:
            _, attacked = team_and_dataset(path, "red")
            if attacked != dataset.name:
                raise RefusedError([f"it attacks {attacked!r}; the round is about {dataset.name!r}."])
            entry = read_attack_entry(path, len(key.releases))
            if entry.round not in (None, key.sha256):
                raise RefusedError([f"it was made for another round, whose seal is {shown(entry.round, 12)}."])
            if (other := seen.setdefault(entry.name.casefold(), path)) is not path:
                raise RefusedError(
                    [f"{other.name} brings an entry {entry.name} too; expected one of a team and attack."]
                )
        except RefusedError as error:
            refuse(path, error)
            continue
        for release, scores in zip(key.releases, entry.scores, strict=True):
            asked = Candidates(dataset.cohort.X, dataset.cohort.y, release.member, outlier)
            rows += _rows(entry, release, sha256(path), asked, scores)
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(
    entry: AttackEntry, release: Release, digest: str, asked: Candidates, scores: NDArray[np.float64]
) -> Iterator[dict[str, object]]:
    named = [entry.team, entry.attack, release.number, release.generator]
    for r in asked.readings(scores):
        yield dict(zip(COLUMNS, [*named, r.measure, r.value, r.low, r.high, digest], strict=True))


def tournament_page(rows: pd.DataFrame, key: Key, dataset: Dataset) -> str:
    """Return the Markdown page of a tournament: attacks x generators, the best attack on each in bold."""
    word = " (SIMULATED DATA)" if dataset.simulated else ""
    members = " and ".join(sorted({f"{int(r.member.sum())}" for r in key.releases}))
    lines = [
        f"# Tournament: {dataset.title}{word}\n",
        f"{len(dataset.cohort)} candidates, {members} of them members of each release; membership was drawn for each "
        "release anew. Chance is an AUC of 0.5 and a TPR of at most 0.01; the largest AUC of a class lies above 0.5 "
        "by chance alone. In brackets: the 95 % interval (AUC: DeLong, for all classes at once in the last table; "
        "TPR: Clopper-Pearson, at the threshold found). Bold: the best attack on a release. That no attack here finds "
        "anything proves nothing.\n",
        f"Key: SHA-256 `{key.sha256}`\n",
    ]
    heads = [f"{r.number}: `{r.generator}`" for r in key.releases]
    for measure, title in _SHOWN:
        part = rows[rows["measure"] == measure]
        lines += [f"**{title}{word}.**\n", *_table(part, heads), ""]
    return "\n".join(lines)


def _table(part: pd.DataFrame, heads: Sequence[str]) -> Iterator[str]:
    """Yield the lines of one table: entries by their mean, the strongest first."""
    by_release = part.set_index(["team", "attack", "release"])
    values, low, high = (by_release[name].unstack("release") for name in _NUMBERS)
    best = values.max()
    order = (-values.mean(axis=1)).to_numpy().argsort(kind="stable")
    yield f"| entry | {' | '.join(heads)} | mean |"
    yield f"|---|{'---|' * len(heads)}---|"
    for i in order:
        cells = [_cell(*row) for row in zip(values.iloc[i], low.iloc[i], high.iloc[i], best, strict=True)]
        yield f"| `{'.'.join(values.index[i])}` | {' | '.join(cells)} | {_cell(values.iloc[i].mean())} |"


def _cell(value: float, low: float = math.nan, high: float = math.nan, best: float = math.inf) -> str:
    if math.isnan(value):
        return "-"  # no group has five members and five others
    text = f"**{value:.3f}**" if value >= best else f"{value:.3f}"
    return text if math.isnan(low) else f"{text} [{low:.3f}, {high:.3f}]"


def write_tournament(folder: Path, rows: pd.DataFrame, page: str) -> tuple[Path, Path]:
    """Write ``tournament.csv`` and ``tournament.md`` and return their paths."""
    table, text = folder / "tournament.csv", folder / "tournament.md"
    write_atomic(table, lambda file: file.write(rows.to_csv(index=False, lineterminator="\n").encode()))
    write_atomic(text, lambda file: file.write(page.encode()))
    return table, text
