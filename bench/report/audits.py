"""The tables of a leaderboard about audits: lower bounds of epsilon beside the claims they test."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.report.board import Board
from bench.report.table import ABSENT, Block, Cell, Content, code, figure, italic, numbers, prose, words
from bench.studies.audit_reading import GAUSSIAN, VERDICT_WORDS, Verdict
from bench.studies.audit_records import UNCLAIMED


@dataclass(frozen=True)
class AuditReading:
    """What the audits of a generator say about its claim.

    Parameters
    ----------
    verdict : None if no audit says anything about this claim
    low, ceiling : the largest lower bound of epsilon, and the largest that perfect guesses would have given; NaN
        without an audit
    """

    verdict: Verdict | None = None
    low: float = math.nan
    ceiling: float = math.nan


NOT_AUDITED = AuditReading()


def audited(audits: pd.DataFrame | None, label: str, epsilon: float, deltas: Sequence[float]) -> AuditReading:
    """Return the largest audited lower bound with its ceiling, and what it says about a claim.

    Parameters
    ----------
    audits : with a column ``label``; only bounds at one of `deltas` that hold for every private mechanism count
    epsilon, deltas : the claim; one that an audited training made larger is held against that one
    """
    if audits is None:
        return NOT_AUDITED
    same = np.isclose(audits["delta"].to_numpy(dtype=float)[:, None], list(deltas), rtol=1e-5, atol=0)
    found = audits[(audits["label"] == label) & same.any(axis=1) & (audits["bound"] != GAUSSIAN)]
    if found.empty:
        return NOT_AUDITED
    low, ceiling = float(found["low"].max()), float(found["ceiling"].max())
    claimed = max([epsilon, *(float(text) for text in found["claimed"] if text != UNCLAIMED)])
    verdict: Verdict = "not refuted" if ceiling > epsilon else "not testable"
    if low > claimed:
        verdict = "refuted" if (found["end_to_end"] == "yes").all() else "exceeded"
    return AuditReading(verdict, low, ceiling)


def audit_table(board: Board, audits: pd.DataFrame | None) -> Iterator[Block]:
    """Yield the table of every audited bound on this cohort; nothing if there is none."""
    if audits is None or audits.empty:
        return
    note = prose(
        "Fair coins decide which records are trained on, and attacks guess the coins from the release. {}: the lower "
        "bound that follows, each at its own confidence; {}: the same for perfect guesses, so a bound below the claim "
        "is no proof of it. Attack, record and threshold are chosen on other trainings than those read; several audits "
        "of one generator are not corrected for their number. Gaussian bounds hold for mechanisms with a Gaussian "
        "trade-off only, and refute nothing here.",
        *(italic("Epsilon ≥"), italic("could show")),
    )
    head = [*words("generator", "bound"), *numbers("tested epsilon", "delta", "epsilon ≥", "could show", "confidence")]
    head += [*words("verdict", "best attack", "evidence"), *numbers("canaries", "trainings")]
    yield board.table("Audits", note, head, [_line(board, line) for line in audits.to_dict("records")])


def _line(board: Board, line: Mapping[Hashable, Any]) -> list[Content]:
    refuted = line["verdict"] == "refuted"
    verdict = Cell(VERDICT_WORDS[line["verdict"]]).flagged("refuted" if refuted else None)
    return [
        board.head(line["label"]),
        line["bound"],
        *(figure(line[name], "g") for name in ("epsilon", "delta")),
        *(figure(line[name], ".2f") for name in ("low", "ceiling")),
        figure(line["confidence"], "g"),
        ABSENT if line["bound"] == GAUSSIAN else verdict,
        code(line["attack"]),
        line["detail"],
        figure(line["canaries"], "d"),
        figure(line["runs"], "d"),
    ]
