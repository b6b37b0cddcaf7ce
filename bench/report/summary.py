"""Reads from the rows what is known of each generator, and says it in plain words: leaks, use, claims, audits.

Which measures decide is declared by the metrics (`bench.registry.declarations.Measure`), so that the same code judges
releases of every modality, data and models.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from bench.core.records import FEATURES
from bench.registry.declarations import Decides, Measure
from bench.report.board import (
    NOT_PLANNED,
    Board,
    Summary,
    decimals_for,
    first_measure,
    in_tables,
    number,
    sound_attacks,
)
from bench.report.claims import StatedClaim, audit_cell, claim_nothing, stated_claims
from bench.report.measures import leaders
from bench.report.privacy import LEAST, LUCK, Strongest, judged, leak_p_values, p_text
from bench.report.table import ABSENT, Block, Bullets, Cell, Column, Heading, Paragraph, Table, numbers, words
from bench.report.text import Text, bold, code, italic, joined, prose
from bench.studies.audit_reading import GAUSSIAN, Verdict

Leak = Literal["clear", "slight", "unsure", "chance", "unknown"]
CLEAR = {"auc": 0.6, "tpr_at_fpr_01": 0.05}  # from here on a leak is called clear; the page says so
BEST = "best"  # a yardstick: `Measure.real`
SCIENCE = 2  # measures of what survives of the science, side by side
NEAR: Mapping[Decides, float] = {"use": 0.05, "worst": 0.1}  # of the range of the measure; useful is at most so far off


@dataclass(frozen=True)
class Score:
    """What one measure says of a generator, beside what it says of real people.

    Parameters
    ----------
    measure : None if the rows hold none of that kind
    value, real : of the release, and of real people (or of what stands for them) on the same folds; not planned where
        it is not known
    """

    measure: Measure | None = None
    value: Summary = NOT_PLANNED
    real: Summary = NOT_PLANNED

    def near(self, share: float) -> bool | None:
        """Return whether it is at most this share of its range worse than real people; None where that is not known."""
        m = self.measure
        if m is None or not (self.value.complete and self.real.complete) or math.isinf(m.high - m.low):
            return None
        return m.merit(self.real.mean) - m.merit(self.value.mean) <= share * min(m.high - m.low, 1)


@dataclass(frozen=True)
class Finding:
    """What the rows say about one generator.

    Parameters
    ----------
    auc, found : AUC of the strongest attack and the share of training samples that it finds at FPR 1 %, less the luck
        of being the best
    use, worst : what decides how good it is for its purpose, and the same where it is worst
    claim : what it claims and what audits say about that; None if it claims nothing
    p_value : of attacks that know nothing, corrected for the number of attacks, readings and generators
    science : what of the science survives
    attack, low, high : the strongest attack by AUC, and its 95 % interval
    exposed_class, outliers : AUC of the strongest attack in the class that is easiest to tell and among the tenth of
        samples farthest from their class
    """

    auc: Summary
    found: Summary
    use: Score
    worst: Score
    claim: StatedClaim | None
    p_value: float
    science: tuple[Score, ...] = ()
    attack: str = ""
    low: float = math.nan
    high: float = math.nan
    exposed_class: Summary = NOT_PLANNED
    outliers: Summary = NOT_PLANNED

    @property
    def leak(self) -> Leak:
        """How attacks did; ``"unknown"`` without attacks."""
        if math.isnan(self.auc.mean) or math.isnan(self.p_value):
            return "unknown"
        large = self.auc.mean >= CLEAR["auc"] or self.found.mean >= CLEAR["tpr_at_fpr_01"]
        if self.p_value < LUCK:
            few = (self.exposed_class.mean, self.outliers.mean)  # whose values are large by luck too: not without p
            return "clear" if large or any(area >= CLEAR["auc"] for area in few) else "slight"
        return "unsure" if large else "chance"

    @property
    def useful(self) -> bool | None:
        """Whether it is nearly as good as real people on every fold, on the whole and where it is worst.

        None where one of the two is not known: a mean over people hides a class that is lost.
        """
        use, worst = self.use.near(NEAR["use"]), self.worst.near(NEAR["worst"])
        return False if use is False or worst is False else None if use is None or worst is None else True


def findings(board: Board, audits: pd.DataFrame | None, n_samples: int) -> dict[str, Finding]:
    """Return what is known of each generator, controls included, in the order of the board.

    Parameters
    ----------
    n_samples : people in the cohort, training and held out together
    """
    readings = judged(board, n_samples)
    claims, p_values = stated_claims(board, audits), leak_p_values(board, list(readings.values()))
    scores = Scores(board, frozenset(claims))
    return {label: _finding(scores, label, readings, claims.get(label), p_values[label]) for label in board.labels}


def _finding(
    scores: Scores, label: str, readings: Mapping[str, Strongest], claim: StatedClaim | None, p_value: float
) -> Finding:
    auc, board = readings["auc"], scores.board
    return Finding(
        auc.summary(label),
        readings["tpr_at_fpr_01"].summary(label),
        scores.of(label, board.decided("use", label)),
        scores.of(label, board.decided("worst", label)),
        claim,
        p_value,
        tuple(scores.of(label, m) for m in board.deciding("science", label)[:SCIENCE]),
        auc.name(label),
        auc.of(label, "low"),
        auc.of(label, "high"),
        readings["auc_easiest_class"].summary(label),
        readings["auc_outliers"].summary(label),
    )


@dataclass(frozen=True)
class Scores:
    """The scores of a page, each beside its yardstick.

    Parameters
    ----------
    claiming : the labels that claim something
    """

    board: Board
    claiming: frozenset[str]

    def of(self, label: str, measure: Measure | None) -> Score:
        """Return what a measure says of a generator."""
        if measure is None:
            return Score()
        return Score(measure, self.board.summary(label, measure.name), self._yardstick(label, measure))

    def _yardstick(self, label: str, measure: Measure) -> Summary:
        """Return what real people score; or the best release that claims nothing, which need not protect anybody."""
        if measure.real != BEST:
            return self.board.summary(label, measure.real) if measure.real else NOT_PLANNED
        free = [x for x in self.board.ranked if x not in self.claiming]
        known = [s for x in free if (s := self.board.summary(x, measure.name)).complete]
        return max(known, key=lambda s: measure.merit(s.mean), default=NOT_PLANNED)


# -- in words ----------------------------------------------------------------------------------------------------------


def summary(
    board: Board, found: Mapping[str, Finding], about: Mapping[str, Any], audits: pd.DataFrame | None
) -> Iterator[Block]:
    """Yield what every generator leaks, is worth and claims, group by group, and the table of all of them."""
    ranked = {label: found[label] for label in board.ranked}
    parts = {
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
        f"({data['samples']} samples, {data['genes']} {FEATURES[board.modality]}), and what they released was judged "
        f"on people that no generator had seen. {tried} All figures are means over folds, ± their standard deviation."
    )


def bottom_line(ranked: Mapping[str, Finding]) -> Text:
    """Return the one sentence for those who read no other."""
    if all(f.leak == "unknown" for f in ranked.values()):
        return bold("What leaks cannot be said here") + ", because no attack was run."
    hidden = [label for label, f in ranked.items() if f.leak == "chance"]
    if safe := [label for label in hidden if ranked[label].useful]:
        return prose(
            "{} {}; that proves no privacy, for a stronger attack may exist.",
            bold("Useful, and no attack tried here could be told apart from guessing:"),
            joined(map(code, safe)),
        )
    if unjudged := [label for label in hidden if ranked[label].useful is None]:
        return prose(
            "{}: {}. Whether a class is lost in them was not measured on every fold, so that none is called useful.",
            bold("No attack tried here could be told apart from guessing"),
            joined(map(code, unjudged)),
        )
    return bold("No generator here is both useful and out of reach of the attacks") + " that were tried."


# -- what leaks --------------------------------------------------------------------------------------------------------


def _leaks(board: Board, ranked: Mapping[str, Finding], found: Mapping[str, Finding]) -> Iterator[Block]:
    least = f"an AUC of {CLEAR['auc']} or more"
    large = f"{least}, or {_percent(CLEAR['tpr_at_fpr_01'], 0)} or more found"
    groups: dict[Leak, Text] = {
        "clear": bold("Leak clearly") + f" ({large}; or {least} in one class or among outliers):",
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
        "accused: a little above 1 % is guessing. In one class: the AUC among the samples of the class that is "
        "easiest to tell. All are those of the strongest attack, less the luck of being the best of many; one that "
        "ranks training samples last counts as much as one that ranks them first. More than luck explains: if no "
        "attack knew anything, the best would look so strong with a probability p below 0.05, corrected for the "
        "number of attacks, for the readings (AUC, found at 1 % and at 0.1 %, one class, outliers) and for that of "
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
    local = f", in one class {_figure(finding.exposed_class)}" if finding.exposed_class.n_ok else ""
    return f"AUC {_figure(finding.auc)}{share}{local}{_luck(finding.p_value)}"


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
    known = {label: f for label, f in ranked.items() if f.use.value.n_ok}
    if not known:
        yield Paragraph("Cannot be said: the rows hold no measure that decides it.")
        return
    yield Paragraph(best_use(board, known))
    groups = ((start, [_worth(ranked[x], x) for x in labels]) for start, labels in _by_use(board, ranked))
    yield Bullets((*_groups(groups), *_elsewhere(board)))


def best_use(board: Board, known: Mapping[str, Finding]) -> Text:
    """Return who is the most useful, of all and of those in which attacks found nothing; `known` have a number."""
    measure = first_measure(board)
    same = {label: f for label, f in known.items() if f.use.measure == measure} or dict(known)
    ordered = sorted(same, key=lambda label: -_merit(same[label].use))
    top = ordered[0]
    use = same[top].use
    text = prose(f"Most useful by {_called(use)} is {{}} with {_figure(use.value)}", code(top))
    of_people = use.real.n_ok and use.measure is not None and use.measure.real != BEST
    text += f" ({_figure(use.real)} with real people)" if of_people else ""
    quiet = next((label for label in ordered if same[label].leak == "chance"), top)
    if quiet != top:
        text += "; of those in which no attack found anybody, "
        text += prose(f"{{}} with {_figure(same[quiet].use.value)}", code(quiet))
    return text + "."


def _called(score: Score) -> str:
    return score.measure.called if score.measure else ""


def _merit(score: Score) -> float:
    return score.measure.merit(score.value.mean) if score.measure else -math.inf


def _by_use(board: Board, ranked: Mapping[str, Finding]) -> Iterator[tuple[Text, list[str]]]:
    """Yield the generators by how useful they are, each group with the words before it."""
    best: set[str] = set()
    for measure in board.deciding("use"):
        mine = {label: f.use.value for label, f in ranked.items() if f.use.measure == measure}
        best |= leaders(mine, measure, board.floor(measure))
    near = (
        f"at most {_percent(NEAR['use'], 0)} of the range below {yardstick(board)}, {_percent(NEAR['worst'], 0)} where "
        "worst"
    )
    below = [x for x, f in ranked.items() if f.use.near(NEAR["use"]) is False]
    weak = [x for x, f in ranked.items() if f.worst.near(NEAR["worst"]) is False and x not in below]
    groups = {
        bold("Useful") + f" ({near}):": [x for x, f in ranked.items() if f.useful],
        bold("Weak where it is worst:"): weak,
        bold(f"Farther below {yardstick(board)}:"): below,
        bold("Not judged") + ", because folds, a yardstick or the worst class are missing:": [
            x for x, f in ranked.items() if f.useful is None
        ],
        bold("Within one standard deviation of the best by that measure:"): [x for x in ranked if x in best],
    }
    yield from groups.items()


def _elsewhere(board: Board) -> Iterator[Text]:
    """Yield a line for each other table: who is among the best there, and in how many of its measures."""
    decided = {m.table for m in board.deciding("use")}
    for table, measures in in_tables(board).items():
        scores = [m for m in measures if m.scored]
        found = ({label: board.summary(label, m.name) for label in board.ranked} for m in scores)
        floors = [board.floor(m) for m in scores]
        best = Counter(x for m, held, f in zip(scores, found, floors, strict=True) for x in leaders(held, m, f))
        if best and table not in decided:
            among = joined(code(label) + f" ({best[label]})" for label in sorted(best, key=lambda x: (-best[x], x)))
            start = bold(f"Among the best in {table.replace('_', ' ')}")
            yield prose(f"{{}}, in how many of its {len(scores)} measures: {{}}.", start, among)


def yardstick(board: Board) -> str:
    """Return in words what releases of a page are held against."""
    held = {m.real == BEST for m in board.deciding("use") if m.real}
    said = {False: "real people", True: "the best release that claims nothing"}
    return " or ".join(said[best] for best in sorted(held)) or said[False]


def _worth(finding: Finding, label: str) -> Text:
    parts = [s.value for s in (finding.use, finding.worst) if s.value.n_ok]
    return code(label) + (f" ({', '.join(map(_figure, parts))})" if parts else "")


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


def _audited(ranked: Mapping[str, Finding], audits: pd.DataFrame | None) -> list[Block]:
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


def _hypothetical(ranked: Mapping[str, Finding], audits: pd.DataFrame | None) -> Iterator[Text]:
    """Yield what audits refuted that the generators do not claim themselves."""
    if audits is None:
        return
    lost = audits[(audits["verdict"] == "refuted") & (audits["bound"] != GAUSSIAN)]
    for label in sorted(set(lost["label"])):
        if label in ranked and ranked[label].claim is None:
            tested = ", ".join(f"{epsilon:g}" for epsilon in sorted(set(lost["epsilon"][lost["label"] == label])))
            text = f"{{}} claims nothing; tested as if it claimed epsilon {tested}, it was {{}}."
            yield prose(text, code(label), bold("refuted"))


# -- at a glance -------------------------------------------------------------------------------------------------------


def _glance(board: Board, found: Mapping[str, Finding]) -> Table:
    said = {"clear": "clear", "slight": "slight", "unsure": "unsure", "chance": "none found", "unknown": "not known"}
    roles: tuple[Decides, ...] = ("use", "worst", "science")
    columns = [(role, m) for role in roles for m in board.deciding(role)]
    columns = [(role, m) for role, m in columns if any(m in shown(f, role) for f in found.values())]
    spent = {m.name: decimals_for((board.summary(x, m.name) for x in board.labels), m) for _, m in columns}
    body = []
    for label, f in found.items():
        uses = [
            number(board.summary(label, name), spent[m.name]) if m in shown(f, role) else ABSENT
            for role, m in columns
            for name in _beside(role, m)
        ]
        leak = (number(s, 3) for s in (f.auc, f.exposed_class, f.outliers, f.found))
        body.append([board.head(label), *uses, Cell(said[f.leak]), *leak, *_claim_at_a_glance(f.claim)])
    note = (
        "What decides, of every generator and every variant; beside use what real people score. AUC of "
        "the strongest attack, over all, in the class that is easiest to tell and among outliers, and share found at "
        "1 % wrongly accused, less the luck of being the best; what is claimed. Mean ± standard deviation over folds."
    )
    head = words("generator")
    for role, m in columns:
        head += [column_of(m), *(Column(f"{m.called}, real", True) for _ in _beside(role, m)[1:])]
    exposed = numbers("AUC", "AUC, one class", "AUC, outliers", "found", "claimed epsilon", better="lower")
    head += [*words("leak"), *exposed, *words("end to end", "audit")]
    return board.table("At a glance", note, head, body)


def _beside(role: Decides, measure: Measure) -> list[str]:
    """Return the measure, and after it what real people score if that decides whether a release is useful."""
    return [measure.name, *([measure.real] if measure.real not in ("", BEST) and role in NEAR else [])]


def column_of(measure: Measure) -> Column:
    """Return the head of a measure under the name that sentences use."""
    return Column(measure.called, True, measure.better, measure.target)


def shown(finding: Finding, role: Decides) -> tuple[Measure | None, ...]:
    """Return by which measures a generator is judged in one respect."""
    scores = {"use": (finding.use,), "worst": (finding.worst,), "science": finding.science}[role]
    return tuple(score.measure for score in scores)


def _claim_at_a_glance(claim: StatedClaim | None) -> list[Cell]:
    """Return the cells on epsilon, end to end and audit."""
    if claim is None:
        return [Cell("nothing"), ABSENT, ABSENT]
    whole = Cell("yes" if claim.end_to_end else "no")
    return [Cell(claim.epsilon_text, claim.epsilon), whole, audit_cell(claim.audit.verdict)]
