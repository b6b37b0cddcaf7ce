"""The tables of a leaderboard about claims: what generators state about themselves, and what audits say about that."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from bench.report.board import Board
from bench.report.privacy import strongest
from bench.report.table import ABSENT, Block, Cell, Content, Flag, Heading, Paragraph, Table, figure, numbers, words
from bench.report.text import bold, code, italic, joined, prose
from bench.statistics.dp_bounds import auc_ceiling, share_of_ceiling
from bench.statistics.membership import LEVEL
from bench.studies.audit_reading import COUNTED, GAUSSIAN, VERDICT_WORDS, Verdict
from bench.studies.audit_records import SAME

AUDIT_WORDS: dict[Verdict | None, str] = {  # beside a claim
    "refuted": "REFUTED",
    "exceeded": "exceeded, as steps outside the budget may",
    "not refuted": "not refuted",
    "not testable": "untested: no bound could reach the claim",
    None: "not audited",
}


@dataclass(frozen=True)
class AuditReading:
    """What the audits of a generator say about its claim.

    Parameters
    ----------
    verdict : None if no audit says anything about this claim
    low, ceiling : the largest lower bound of epsilon, and the largest that perfect guesses would have given; NaN
        without an audit
    delta : the largest lower bound of delta at the claimed epsilon, by counted draws of the mechanism; NaN without any
    """

    verdict: Verdict | None = None
    low: float = math.nan
    ceiling: float = math.nan
    delta: float = math.nan


NOT_AUDITED = AuditReading()


def audited(
    audits: pd.DataFrame | None,
    label: str,
    epsilon: float,
    deltas: Sequence[float],
    among: int = 1,
    *,
    by_coins: bool = True,
) -> AuditReading:
    """Return the largest audited lower bound with its ceiling, and what it says about a claim.

    Parameters
    ----------
    audits : with a column ``label``; only bounds at one of `deltas` that hold for every private mechanism count
    epsilon, deltas : the claim; one that an audited training made larger is held against that one
    among : how many audited claims the page has, for whose number the verdict is corrected
    by_coins : whether coins test what the claim is about; counted draws always do
    """
    if audits is None:
        return NOT_AUDITED
    same = np.isclose(audits["delta"].to_numpy(dtype=float)[:, None], list(deltas), rtol=1e-5, atol=0)
    found = audits[(audits["label"] == label) & same.any(axis=1) & (audits["bound"] != GAUSSIAN)]
    counted = found["bound"] == COUNTED
    if not by_coins:
        found, counted = found[counted], counted[counted]
    if found.empty:
        return NOT_AUDITED
    low, ceiling = float(found["low"].max()), float(found["ceiling"].max())
    claimed = float(np.nanmax([epsilon, *found["claimed"]]))
    verdict: Verdict = "not refuted" if ceiling > epsilon else "not testable"
    if low > claimed and among * _luck(found, claimed) <= 1 - LEVEL:
        inside = (found["end_to_end"] == "yes").all() or (found["low"][counted] > claimed).any()
        verdict = "refuted" if inside else "exceeded"
    delta = found["delta_low"].max()
    return AuditReading(verdict, low, ceiling, math.nan if pd.isna(delta) else float(delta))


def _luck(found: pd.DataFrame, claimed: float) -> float:
    """Return how probable it is at most that one of so many audits refutes a claim that holds (Bonferroni).

    An audit has two designs. Of one that tested less than is claimed, or was made before there were p values, no more
    is known than that its bound holds at its level.
    """
    known = found["p_value"].where(found["epsilon"] >= claimed * (1 - 1e-9))
    each = (2 * known).fillna((found["low"] <= claimed).map({True: 1.0, False: 1 - LEVEL}))
    audits = each.groupby([found[name] for name in SAME]).min()
    return min(1.0, float(audits.min()) * len(audits))


@dataclass(frozen=True)
class StatedClaim:
    """What a generator claims about itself, and what audits say about it.

    Parameters
    ----------
    epsilon : the largest over folds and seeds
    n_made, n_planned : for how many folds and seeds it was claimed, and for how many the generator was run
    deltas : every delta that was claimed
    end_to_end : True if no step touches the data outside the budget, on any fold
    texts : each claim in words, for people only
    audit : of the claim, if audits test what it is about
    warning : what makes the claim weaker than it reads; empty if nothing does
    """

    epsilon: float
    n_made: int
    n_planned: int
    deltas: tuple[float, ...]
    end_to_end: bool
    texts: tuple[str, ...]
    audit: AuditReading
    warning: str = ""

    @property
    def epsilon_text(self) -> str:
        """The epsilon, and on how many folds it is claimed unless on all: ``"4"``, ``"4 (2/5)"``."""
        some = f" ({self.n_made}/{self.n_planned})" if self.n_made < self.n_planned else ""
        return f"{self.epsilon:g}{some}"


# -- claims ------------------------------------------------------------------------------------------------------------


def claim_tables(board: Board, n_samples: int, audits: pd.DataFrame | None = None) -> Iterator[Block]:
    """Yield what generators claim, beside the attacks so that both are read together, and every audited bound."""
    yield from _claims(board, n_samples, audits)
    if audits is not None and not audits.empty:
        yield _audit_table(board, audits)
        if (audits["bound"] == COUNTED).any():
            yield Paragraph(
                "Counted draws: nothing was trained; the mechanism that the claim is about was drawn from, with a "
                "record among the data and without it, and it was counted how often that very record came out. The "
                "measured delta is that at the claimed epsilon."
            )


def _claims(board: Board, n_samples: int, audits: pd.DataFrame | None) -> Iterator[Block]:
    if not (board.rows["family"] == "claim").any():
        return
    yield Heading("Privacy claims")
    reached = strongest(board, "auc", n_samples)
    claims_made = stated_claims(board, audits)
    body = [_claim_line(board, label, stated, reached.of(label, "value")) for label, stated in claims_made.items()]
    silent = claim_nothing(board)
    note = prose(
        "What a generator states about itself, not what was measured. Epsilon: the largest over folds and seeds. No "
        "claim covers the choice of hyper-parameters, nor several releases together. Audited: the largest lower bound "
        "that {} found, at the claim's delta; above the claim it refutes it, below it proves nothing. {}: with perfect "
        "guesses the audit would still have shown less than the claim. AUC allowed: the largest that any attack on one "
        "person can have, if the mechanism's trade-off is Gaussian; used: how much of the way there from guessing the "
        "strongest attack went.",
        *(code("bench audit"), italic("Untested")),
    )
    head = [*words("generator"), *numbers("epsilon", "delta", "AUC allowed", "used")]
    head += words("end to end", "audited epsilon ≥", "verdict", "claim")
    if body:
        yield board.table("Claims", note, head, body)
    for label, stated in claims_made.items():
        if stated.audit.verdict == "refuted" and stated.audit.delta > 0:
            yield Paragraph(bold("Refuted") + ": " + board.named(label) + f": {counted_words(stated)}.")
        if stated.warning:
            yield Paragraph(bold("Warning") + ": " + board.named(label) + f": {stated.warning}.")
    if silent:
        yield Paragraph("Claim nothing: " + joined(map(board.named, silent)) + ".")


def counted_words(stated: StatedClaim) -> str:
    """Return what counted draws leave of a claim, in words."""
    delta = math.floor(stated.audit.delta * 100) / 100
    return f"claimed epsilon {stated.epsilon_text}; certified: none; measured delta at least {delta:.2f}"


def stated_claims(board: Board, audits: pd.DataFrame | None = None) -> dict[str, StatedClaim]:
    """Return what each generator that claims something claims, over all its folds and seeds."""
    claims = board.rows[board.rows["family"] == "claim"]
    parts = {label: claims[claims["label"] == label] for label in board.labels}
    made = {label: p for label, p in parts.items() if p["value"].notna().any()}
    among = 1 if audits is None else max(1, len(set(audits["label"]) & set(made)))
    return {label: _stated(label, p, audits, among) for label, p in made.items()}


def claim_nothing(board: Board) -> list[str]:
    """Return the generators that were run and claim nothing."""
    claims = board.rows[board.rows["family"] == "claim"]
    parts = {label: claims[claims["label"] == label] for label in board.labels}
    return [label for label, p in parts.items() if (p["status"] == "ok").any() and p["value"].isna().all()]


def _stated(label: str, part: pd.DataFrame, audits: pd.DataFrame | None, among: int) -> StatedClaim:
    made = part[part["value"].notna()]
    epsilon, deltas = float(made["value"].max()), tuple(sorted(set(made["delta"].dropna().astype(float))))
    tested = (made["neighbours"] == "add-remove").all()  # by the coins of an audit
    return StatedClaim(
        epsilon,
        len(made),
        len(part),
        deltas,
        bool((made["outside"] == "").all()),
        tuple(sorted({_claim_in_words(row) for row in made.to_dict("records")})),
        audited(audits, label, epsilon, deltas, among, by_coins=bool(tested)),
        max(made["reason"].fillna("")),
    )


def _claim_in_words(row: Mapping[Hashable, Any]) -> str:
    outside = ", ".join(json.loads(row["outside"] or "[]"))
    scope = f"not end to end; outside the budget: {outside}" if outside else "end to end"
    return (
        f"{row['mechanism']}; protects {row['unit']}, {row['neighbours']}; delta {row['delta']:g}; "
        f"{row['accountant']}; {scope}"
    )


def _ceiling_cells(stated: StatedClaim, auc: float) -> list[Cell]:
    """Return the largest AUC that a claim allows, and which share of the way there was gone; none without a delta."""
    if not stated.deltas or not 0 < max(stated.deltas) < 1:
        return [ABSENT, ABSENT]
    claim = stated.epsilon, max(stated.deltas)
    share = ABSENT if math.isnan(auc) else figure(100 * share_of_ceiling(auc, *claim), ".0f", "{} %")
    return [figure(auc_ceiling(*claim), ".3f"), share]


def _claim_line(board: Board, label: str, stated: StatedClaim, auc: float) -> list[Content]:
    audit = stated.audit
    bound = Cell(f"{audit.low:.2f} (at most {audit.ceiling:.2f} could be shown)", audit.low)
    above: Flag | None = audit.verdict if audit.verdict in ("refuted", "exceeded") else None
    return [
        board.head(label),
        Cell(stated.epsilon_text, stated.epsilon),
        Cell(" or ".join(f"{d:g}" for d in stated.deltas), min(stated.deltas)) if stated.deltas else ABSENT,
        *_ceiling_cells(stated, auc),
        "yes" if stated.end_to_end else "no",
        bound.flagged(above) if audit.verdict else ABSENT,
        audit_cell(audit.verdict),
        " / ".join(stated.texts),
    ]


def audit_cell(verdict: Verdict | None) -> Cell:
    """Return what audits say of a claim, for a table."""
    return _verdict_cell(verdict, AUDIT_WORDS)


def _verdict_cell(verdict: Any, texts: Mapping[Any, str]) -> Cell:
    return Cell(texts[verdict], flag="refuted" if verdict == "refuted" else None)


# -- audits ------------------------------------------------------------------------------------------------------------


def _audit_table(board: Board, audits: pd.DataFrame) -> Table:
    note = prose(
        "Fair coins decide which records are trained on, and attacks guess the coins from the release. {}: the lower "
        "bound that follows, each at its own confidence; {}: the same for perfect guesses, so a bound below the claim "
        "is no proof of it, and docs/what-passes.md lists cheats that pass. Attack, record and threshold are chosen on "
        "other trainings than those read. A claim is refuted where its audits do it, corrected for their number and "
        "for the number of audited claims of the page. Gaussian "
        "bounds hold for mechanisms with a Gaussian "
        "trade-off only: what they say is said of a claim to be such a mechanism, and of no other. "
        "Class ≥, outliers ≥: the same bound among the people of the class that showed most when choosing, and among "
        "the tenth who are farthest from their class; each for itself, and no part of a verdict.",
        *(italic("Epsilon ≥"), italic("could show")),
    )
    head = [*words("generator", "bound"), *numbers("tested epsilon", "delta", "epsilon ≥", "could show", "confidence")]
    head += numbers("class ≥", "outliers ≥")
    head += [*words("verdict", "best attack", "evidence"), *numbers("canaries", "trainings")]
    return board.table("Audits", note, head, [_audit_line(board, line) for line in audits.to_dict("records")])


def _audit_line(board: Board, line: Mapping[Hashable, Any]) -> list[Content]:
    verdict = _verdict_cell(line["verdict"], VERDICT_WORDS)
    return [
        board.head(line["label"]),
        line["bound"],
        *(figure(line[name], "g") for name in ("epsilon", "delta")),
        *(figure(line[name], ".2f") for name in ("low", "ceiling")),
        figure(line["confidence"], "g"),
        _in_class(line),
        ABSENT if math.isnan(line["low_outliers"]) else figure(line["low_outliers"], ".2f"),
        _curve(line["as_gaussian"]) if line["bound"] == GAUSSIAN else verdict,
        code(line["attack"]),
        line["detail"],
        Cell(f"1 of {line['searched']}", 1) if line["searched"] else figure(line["canaries"], "d"),
        figure(line["runs"], "d"),
    ]


def _in_class(line: Mapping[Hashable, Any]) -> Cell:
    """Return the bound in the class that showed most, with its name; nothing where none was read."""
    low = float(line["low_class"])
    return ABSENT if math.isnan(low) else Cell(f"{low:.2f} ({line['worst_class']})", low)


def _curve(verdict: str) -> Content:
    return f"as a Gaussian mechanism {VERDICT_WORDS[cast('Verdict', verdict)]}" if verdict else ABSENT
