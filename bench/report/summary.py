"""Reads from the rows what is known of each generator, and says it in plain words: leaks, use, claims, audits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from bench.report.board import Board, Summary, in_tables, number, sound_attacks
from bench.report.claims import StatedClaim, audit_cell, claim_nothing, stated_claims
from bench.report.measures import leaders
from bench.report.privacy import JUDGED_BY, LEAST, LUCK, leak_p_values, p_text, strongest
from bench.report.table import ABSENT, Block, Bullets, Cell, Heading, Paragraph, Table, numbers, words
from bench.report.text import Text, bold, code, italic, joined, prose
from bench.studies.audit_reading import GAUSSIAN, Verdict

USE = "accuracy_synthetic"
_REAL = "accuracy_real"
Leak = Literal["clear", "slight", "unsure", "chance", "unknown"]
CLEAR = {"auc": 0.6, "tpr_at_fpr_01": 0.05}  # from here on a leak is called clear; the page says so
_NEAR = 0.05  # an accuracy this much below that of real training data is called useful; the page says so


@dataclass(frozen=True)
class Finding:
    """What the rows say about one generator.

    Parameters
    ----------
    auc, found : AUC of the strongest attack and the share of training samples that it finds at FPR 1 %, less the luck
        of being the best
    use, real : accuracy of a classifier trained on synthetic and on real samples
    claim : what it claims and what audits say about that; None if it claims nothing
    p_value : of attacks that know nothing, corrected for the number of attacks, readings and generators
    """

    auc: Summary
    found: Summary
    use: Summary
    real: Summary
    claim: StatedClaim | None
    p_value: float

    @property
    def leak(self) -> Leak:
        """How attacks did; ``"unknown"`` without attacks."""
        if math.isnan(self.auc.mean) or math.isnan(self.p_value):
            return "unknown"
        large = self.auc.mean >= CLEAR["auc"] or self.found.mean >= CLEAR["tpr_at_fpr_01"]
        if self.p_value < LUCK:
            return "clear" if large else "slight"
        return "unsure" if large else "chance"

    @property
    def useful(self) -> bool:
        """True if a classifier trained on it is nearly as good as one trained on real samples, on every fold."""
        return self.use.complete and self.real.complete and self.use.mean >= self.real.mean - _NEAR


def findings(board: Board, audits: pd.DataFrame | None, n_samples: int) -> dict[str, Finding]:
    """Return what is known of each generator, controls included, in the order of the board.

    Parameters
    ----------
    n_samples : people in the cohort, training and held out together
    """
    auc, found = readings = [strongest(board, measure, n_samples) for measure in JUDGED_BY]
    claims, p_values = stated_claims(board, audits), leak_p_values(board, readings)
    return {
        label: Finding(
            auc.summary(label),
            found.summary(label),
            board.summary(label, USE),
            board.summary(label, _REAL),
            claims.get(label),
            p_values[label],
        )
        for label in board.labels
    }


# -- in words ----------------------------------------------------------------------------------------------------------


def summary(
    board: Board, found: Mapping[str, Finding], about: Mapping[str, Any], audits: pd.DataFrame
) -> Iterator[Block]:
    """Yield the section that somebody reads who reads nothing else."""
    ranked = {label: found[label] for label in board.ranked}
    parts = {
        "In one sentence": [Paragraph(_bottom_line(ranked), "bottom-line")],
        "What leaks": _leaks(board, ranked, found),
        "What is useful": _uses(board, ranked),
        "What is claimed": _claims(board, ranked),
        "What audits refuted, and what was not audited": _audited(ranked, audits),
    }
    yield Paragraph(_opening(board, about))
    for title, blocks in parts.items():
        yield Heading(title, level=3)
        yield from blocks
    yield _glance(board, found)


def _opening(board: Board, about: Mapping[str, Any]) -> str:
    data, attacks = about["data"], len(sound_attacks(board.rows))
    start = (
        "These numbers are about SIMULATED data, not about people: what is called real stands in for real samples. "
        if board.simulated
        else ""
    )
    tried = "No attack was run."
    if attacks:
        many = f"{attacks} attacks" if attacks > 1 else "One attack"
        tried = f"{many} then tried to tell from a release who was in the training data."
    controls = f" and {len(board.controls)} controls" if board.controls else ""
    return (
        f"{start}{len(board.ranked)} generators{controls} were trained on parts of {data['title']} "
        f"({data['samples']} samples, {data['genes']} genes) and released synthetic samples. {tried} Classifiers "
        "trained on a release were tested on real samples that no generator had seen. All figures are means over "
        "folds, ± their standard deviation."
    )


def _bottom_line(ranked: Mapping[str, Finding]) -> Text:
    if all(f.leak == "unknown" for f in ranked.values()):
        return bold("What leaks cannot be said here") + ", because no attack was run."
    if safe := [label for label, f in ranked.items() if f.useful and f.leak == "chance"]:
        return prose(
            "{} {}. No attack that fails proves privacy: a stronger one may exist.",
            bold("Useful, and no attack tried here could be told apart from guessing:"),
            joined(map(code, safe)),
        )
    return bold("No generator here is both useful and out of reach of the attacks") + " that were tried."


# -- what leaks --------------------------------------------------------------------------------------------------------


def _leaks(board: Board, ranked: Mapping[str, Finding], found: Mapping[str, Finding]) -> Iterator[Block]:
    large = f"an AUC of {CLEAR['auc']} or more, or {_percent(CLEAR['tpr_at_fpr_01'], 0)} or more found"
    groups: dict[Leak, Text] = {
        "clear": bold("Leak clearly") + f" ({large}):",
        "slight": bold("Leak a little") + " (less, but more than luck explains):",
        "unsure": bold("May leak") + f" ({large}, but folds differ so much that it can be luck):",
        "chance": bold("No attack could be told apart from guessing") + ", which proves no privacy:",
        "unknown": bold("Cannot be said") + ", for want of attacks:",
    }
    items = []
    for kind, text in groups.items():
        part = sorted((-f.auc.mean, label) for label, f in ranked.items() if f.leak == kind)
        items.append((text, [_exposed(label, ranked[label]) for _, label in part]))
    scale = (
        "The AUC says how often the strongest attack picks the training sample out of a pair with one outsider: 0.5 is "
        "a coin, 1 is always. {} is the share of training samples recognised while 1 % of the outsiders are wrongly "
        "accused: a little above 1 % is guessing. Both are those of the strongest attack, less the luck of being the "
        "best of many. More than luck explains: if no attack knew anything, the best would look so strong with a "
        "probability p below 0.05, corrected for the number of attacks, for the two readings and for the number of "
        "generators. It is the same rule for all."
    )
    yield Paragraph(prose(scale, italic("Found")))
    yield Bullets(_groups(items))
    yield from _yardstick(found)


def _groups(groups: Iterable[tuple[Text, Sequence[Text]]]) -> tuple[Text, ...]:
    """Return an item of a list for each group that has members."""
    return tuple(start + " " + joined(members) + "." for start, members in groups if members)


def _exposed(label: str, finding: Finding) -> Text:
    return code(label) + (f" ({_exposure_text(finding)})" if finding.auc.n_ok else "")


def _exposure_text(finding: Finding) -> str:
    share = f", {_percent(finding.found.mean)} found" if finding.found.n_ok else ""
    return f"AUC {_figure(finding.auc)}{share}{_luck(finding.p_value)}"


def _luck(p_value: float) -> str:
    """Return ``", p < 0.001"`` or ``", p = 0.012"``, which no line breaks; nothing without a p value."""
    sign = "" if p_value < LEAST else "=\u00a0"
    return "" if math.isnan(p_value) else f", p\u00a0{sign}{p_text(p_value)}".replace("< ", "<\u00a0")


def _figure(summary: Summary) -> str:
    """Return a number for running text, which no line breaks."""
    return number(summary, 3).plain().replace(" ", "\u00a0")


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f}\u00a0%"


def _yardstick(found: Mapping[str, Finding]) -> Iterator[Block]:
    """Yield what the control says that holds no training sample: how far luck alone goes."""
    held_out = found.get("real_holdout")
    if held_out and held_out.auc.n_ok:
        text = f"For scale: {{}}, real samples of other people, gives {_exposure_text(held_out)}."
        luck = " It can leak nobody, so that differences of this size are luck."
        yield Paragraph(prose(text + luck, code("real_holdout")))


# -- what is useful ----------------------------------------------------------------------------------------------------


def _uses(board: Board, ranked: Mapping[str, Finding]) -> Iterator[Block]:
    known = {label: f for label, f in ranked.items() if f.use.n_ok}
    if not known:
        yield Paragraph("Cannot be said: the rows hold no " + code(USE) + ".")
        return
    real = [f.real.mean for f in known.values() if f.real.n_ok]
    against = f"; trained on real samples it is right for {_percent(max(real))}" if real else ""
    top = max(known, key=lambda label: known[label].use.mean)
    yield Paragraph(
        prose(
            "Trained on the synthetic samples of {}, the best here, a classifier gives the right class to "
            f"{_percent(known[top].use.mean)} of real samples that it has never seen{against}.",
            code(top),
        )
    )
    groups = ((start, [_accuracy(x, ranked[x].use) for x in labels]) for start, labels in _by_use(board, ranked))
    yield Bullets((*_groups(groups), *_elsewhere(board)))


def _by_use(board: Board, ranked: Mapping[str, Finding]) -> Iterator[tuple[Text, list[str]]]:
    """Yield the generators by how useful they are, each group with the words before it."""
    summaries = {label: f.use for label, f in ranked.items()}
    best = leaders(summaries, board.measures[USE]) if USE in board.measures else set()
    whole = {label for label, f in ranked.items() if f.use.complete and f.real.complete}
    useful = {label for label, f in ranked.items() if f.useful}
    groups = {
        bold("Within one standard deviation of the best:"): best,
        bold("Useful too") + " (at most 5 points below real samples):": useful - best,
        bold("More than 5 points below real samples:"): whole - useful,
        bold("Not judged") + ", because folds are missing:": ranked.keys() - whole,
    }
    for start, group in groups.items():
        yield start, [label for label in ranked if label in group]


def _elsewhere(board: Board) -> Iterator[Text]:
    """Yield a line for each other table: who is among the best there, and in how many of its measures."""
    for table, measures in in_tables(board.measures.values()).items():
        scores = [m for m in measures if m.better != "none"]
        found = ({label: board.summary(label, m.name) for label in board.ranked} for m in scores)
        best = Counter(label for m, held in zip(scores, found, strict=True) for label in leaders(held, m))
        if best and table != "utility":
            among = joined(code(label) + f" ({best[label]})" for label in sorted(best, key=lambda x: (-best[x], x)))
            start = bold(f"Among the best in {table.replace('_', ' ')}")
            yield prose(f"{{}}, in how many of its {len(scores)} measures: {{}}.", start, among)


def _accuracy(label: str, use: Summary) -> Text:
    return code(label) + (f" ({_figure(use)})" if use.n_ok else "")


# -- what is claimed, and what audits say ------------------------------------------------------------------------------


def _claims(board: Board, ranked: Mapping[str, Finding]) -> list[Block]:
    made = {label: f.claim for label, f in ranked.items() if f.claim is not None}
    whole, part = ([_claimed(x, c) for x, c in made.items() if c.end_to_end == inside] for inside in (True, False))
    partly = bold("Claim it for a part of what they do only")
    groups = [
        (bold("Claim differential privacy, every step inside the budget:"), whole),
        (partly + ", other steps touch the data outside the budget:", part),
        (bold("Claim nothing:"), [code(label) for label in claim_nothing(board) if label in ranked]),
    ]
    note = "A claim is what a generator states about itself. The smaller the epsilon, the stronger the promise."
    items = _groups(groups)
    return [Paragraph(note), Bullets(items)] if items else [Paragraph("The rows hold no claims.")]


def _claimed(label: str, claim: StatedClaim) -> Text:
    return code(label) + f" (epsilon {claim.epsilon_text})"


def _audited(ranked: Mapping[str, Finding], audits: pd.DataFrame) -> list[Block]:
    made = {label: f.claim for label, f in ranked.items() if f.claim is not None}
    verdicts: dict[Verdict | None, Text] = {
        "refuted": bold("Refuted: the release gives away more than the claim allows:"),
        "exceeded": bold("Exceeded, as steps outside the budget may") + ", which are listed:",
        "not refuted": bold("Audited and not refuted")
        + ", which proves nothing (docs/what-passes.md lists what passes):",
        "not testable": bold("Audited with too few records or runs to refute the claim") + ", whatever the attack:",
        None: bold("Claimed, but not audited:"),
    }
    groups = (
        (start, [_with_bound(label, claim) for label, claim in made.items() if claim.audit.verdict == verdict])
        for verdict, start in verdicts.items()
    )
    items = (*_groups(groups), *_hypothetical(ranked, audits))
    return [Bullets(items)] if items else [Paragraph("Nothing was claimed, so that nothing could be refuted.")]


def _with_bound(label: str, claim: StatedClaim) -> Text:
    if claim.audit.verdict is None:
        return _claimed(label, claim)
    return code(label) + f" (claims epsilon {claim.epsilon_text}, shown: at least {claim.audit.low:.2f})"


def _hypothetical(ranked: Mapping[str, Finding], audits: pd.DataFrame) -> Iterator[Text]:
    """Yield what audits refuted that the generators do not claim themselves."""
    lost = audits[(audits["verdict"] == "refuted") & (audits["bound"] != GAUSSIAN)]
    for label in sorted(set(lost["label"])):
        if label in ranked and ranked[label].claim is None:
            tested = ", ".join(f"{epsilon:g}" for epsilon in sorted(set(lost["epsilon"][lost["label"] == label])))
            text = f"{{}} claims nothing; tested as if it claimed epsilon {tested}, it was {{}}."
            yield prose(text, code(label), bold("refuted"))


# -- at a glance -------------------------------------------------------------------------------------------------------


def _glance(board: Board, found: Mapping[str, Finding]) -> Table:
    said = {"clear": "clear", "slight": "slight", "unsure": "unsure", "chance": "none found", "unknown": "not known"}
    body = []
    for label, f in found.items():
        use, real, auc, share = (number(s, 3) for s in (f.use, f.real, f.auc, f.found))
        body.append([board.head(label), use, real, Cell(said[f.leak]), auc, share, *_claim_at_a_glance(f.claim)])
    note = (
        "Accuracy of a classifier trained on synthetic and on real samples; AUC and share found at 1 % wrongly accused "
        "of the strongest attack, less the luck of being the best; what is claimed. Mean ± standard deviation over "
        "folds."
    )
    head = [*words("generator"), *numbers("accuracy", better="higher"), *numbers("with real data"), *words("leak")]
    head += [*numbers("AUC", "found", "claimed epsilon", better="lower"), *words("end to end", "audit")]
    return board.table("At a glance", note, head, body)


def _claim_at_a_glance(claim: StatedClaim | None) -> list[Cell]:
    """Return the cells on epsilon, end to end and audit."""
    if claim is None:
        return [Cell("nothing"), ABSENT, ABSENT]
    whole = Cell("yes" if claim.end_to_end else "no")
    return [Cell(claim.epsilon_text, claim.epsilon), whole, audit_cell(claim.audit.verdict)]
