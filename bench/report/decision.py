"""The first screen of a page: a table of what decides, a verdict on each generator, findings in five sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from typing import Literal

from bench.core.formatting import counted
from bench.registry.declarations import Measure
from bench.registry.finding import plugins
from bench.report.board import Board, Summary, decimals_for, number
from bench.report.claims import StatedClaim
from bench.report.comparison import held_out_per_train
from bench.report.measures import leaders
from bench.report.summary import BEST, NEAR, Finding, Score, best_use, bottom_line, column_of
from bench.report.table import ABSENT, Bullets, Cell, Column, Flag, Table, numbers, words
from bench.report.text import Text, bold, code, joined, prose
from bench.statistics.comparison import by_fold, corrected_interval
from bench.statistics.dp_bounds import auc_ceiling, share_of_ceiling
from bench.studies.audit_reading import Verdict

MOST = 20  # rows of the table
_NAMED = 5  # generators that a sentence names
_DECIMALS = 2  # of what lies between -1 and 1; other measures have as many as they need
_SHARE = 2
_UNTESTED: Mapping[Verdict | None, str] = {"not testable": ", untested", None: ", not audited"}
Mark = Literal["✓", "○", "✗", "?"]


# -- verdicts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judgement:
    """What the numbers of a generator come to.

    Parameters
    ----------
    mark : useful and nothing found (``"✓"``), nothing found but of little use (``"○"``), leaks or breaks its claim
        (``"✗"``), not known (``"?"``)
    words : the same for those who cannot see a mark, with the reason
    flag : why it stands out; None if it does not
    """

    mark: Mark
    words: str
    flag: Flag | None = None


def judgement(finding: Finding) -> Judgement:
    """Return the verdict on a generator: what attacks found comes before what it is worth."""
    use = _use_in_words(finding)
    if finding.claim is not None and finding.claim.audit.verdict == "refuted":
        return Judgement("✗", "claim refuted", "refuted")
    match finding.leak:
        case "clear":
            return Judgement("✗", f"leaks{_allowed(finding)}; {use}", "leak")
        case "slight":
            return Judgement("✗", f"leaks a little{_allowed(finding)}; {use}", "leak")
        case "unsure":
            return Judgement("?", f"may leak; {use}")
        case "unknown":
            return Judgement("?", f"not attacked; {use}")
    return Judgement("✓" if finding.useful else "○" if finding.useful is False else "?", f"nothing found; {use}")


def _allowed(finding: Finding) -> str:
    """Say whether a claim allows what the strongest attack finds, and how much of that it is; nothing without one."""
    claim = finding.claim
    if claim is None or not claim.deltas or not 0 < max(claim.deltas) < 1 or math.isnan(finding.high):
        return ""
    stated = claim.epsilon, max(claim.deltas)
    if finding.high > auc_ceiling(*stated):
        return ""
    return f", as its claim allows ({100 * share_of_ceiling(finding.auc.mean, *stated):.0f} %)"


def _use_in_words(finding: Finding) -> str:
    if finding.useful is None:
        return "use not judged"
    if finding.useful:
        return "useful"
    name = finding.worst.measure.called if finding.worst.measure else ""
    return "of less use" if finding.use.near(NEAR["use"]) is False else f"weak in the {name}"


# -- the table ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fold:
    """A line of the table: a generator, and the variants of it that are folded into the line.

    Parameters
    ----------
    label : whose numbers are shown: with the parameters that the plugin has by itself, else the first on the board
    others : its variants
    """

    label: str
    others: tuple[str, ...]


def folds_of(board: Board) -> list[Fold]:
    """Return each generator with its variants, in the order of the board."""
    by_name: dict[str, list[str]] = {}
    for label in board.labels:
        by_name.setdefault(label.partition("[")[0], []).append(label)
    lines = [Fold(chosen := name if name in labels else labels[0], tuple(x for x in labels if x != chosen))
             for name, labels in by_name.items()]  # fmt: skip
    place = {label: i for i, label in enumerate(board.labels)}
    return sorted(lines, key=lambda line: place[line.label])


def folded(board: Board) -> list[Fold]:
    """Return the lines of the table, at most `MOST`: generators as on the board, variants folded, controls kept."""
    lines = folds_of(board)
    n_controls = sum(line.label in board.controls for line in lines)
    kept = [line for line in lines if line.label not in board.controls][: max(1, MOST - n_controls)]
    return [line for line in lines if line.label in board.controls or line in kept][:MOST]


def decision_table(board: Board, found: Mapping[str, Finding]) -> Table:
    """Return the table that says of each generator what decides, at most `MOST` lines."""
    lines = folded(board)
    use = _measures([found[line.label].use for line in lines])
    worst = _measures([found[line.label].worst for line in lines])
    science = _measures([score for line in lines for score in found[line.label].science])
    columns = [use, worst, *([m] for m in science)]
    best = [_best(board, found, measures) for measures in columns]
    body = []
    for line in lines:
        f = found[line.label]
        held = [next((m for m in measures if _score(f, m) is not None), None) for measures in columns]
        cells = [_number(f, m, line.label in top) for m, top in zip(held, best, strict=True)]
        judged = [*exposure_cells(f), claim_cell(f), verdict_cell(f, board, line.label)]
        body.append([head_of_fold(board, found, line), *cells, *judged])
    head = [*words("generator"), *(_column(measures) for measures in columns if measures)]
    body = [[c for c, shown in zip(row, _kept(columns), strict=True) if shown] for row in body]
    head += [*numbers("strongest attack, AUC", better="lower"), Column("by", minor=True), *words("claims", "verdict")]
    return replace(board.table("What decides", _note(board, found, lines), head, body), role="decides")


def _kept(columns: Sequence[Sequence[Measure]]) -> list[bool]:
    return [True, *map(bool, columns), True, True, True, True]


def _measures(scores: Sequence[Score]) -> list[Measure]:
    return list({s.measure.name: s.measure for s in scores if s.measure}.values())


def _column(measures: Sequence[Measure]) -> Column:
    """Return the head of a column; releases of two kinds may be judged by two measures that are called differently."""
    called = list(dict.fromkeys(m.called for m in measures))
    first = column_of(measures[0])
    return Column(" / ".join(called), True, first.better, first.target, minor=measures[0].decides == "science")


def _score(finding: Finding, measure: Measure) -> Score | None:
    scores = (finding.use, finding.worst, *finding.science)
    return next((s for s in scores if s.measure == measure), None)


def _best(board: Board, found: Mapping[str, Finding], measures: Sequence[Measure]) -> set[str]:
    best: set[str] = set()
    for m in measures:
        best |= leaders({x: s.value for x in board.ranked if (s := _score(found[x], m))}, m, board.floor(m))
    return best


def _number(finding: Finding, measure: Measure | None, best: bool) -> Cell:
    score = _score(finding, measure) if measure else None
    if score is None or measure is None:
        return ABSENT
    decimals = _DECIMALS if measure.high - measure.low <= _SHARE else decimals_for([score.value], measure)
    return number(score.value, decimals).flagged("best" if best else None)


def head_of_fold(board: Board, found: Mapping[str, Finding], line: Fold) -> Cell:
    """Return the name of a generator, and beside it how far its variants leak."""
    if not line.others:
        return board.head(line.label)
    aucs = [found[x].auc.mean for x in line.others if found[x].auc.n_ok]
    many = " + " + counted(len(line.others), "variant")
    reach = f", AUC {_range(aucs)}" if aucs else ""
    name = board.head(line.label)
    return replace(name, text=board.named(line.label) + many + reach, whose=name.plain())


def _range(values: Sequence[float]) -> str:
    low, high = (f"{v:.{_DECIMALS}f}" for v in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def exposure_cells(finding: Finding) -> list[Cell]:
    """Return the AUC of the strongest attack with its interval, and the name of the attack."""
    if not finding.auc.n_ok:
        return [ABSENT, ABSENT]
    ends = "" if math.isnan(finding.low) else f" [{finding.low:.{_DECIMALS}f}, {finding.high:.{_DECIMALS}f}]"
    return [Cell(f"{finding.auc.mean:.{_DECIMALS}f}{ends}", finding.auc.mean), Cell(code(finding.attack))]


def claim_cell(finding: Finding) -> Cell:
    """Return what a generator claims, and whether any audit could have refuted it."""
    claim = finding.claim
    if claim is None:
        return Cell("nothing")
    some = claim.epsilon_text.partition(" ")[2]  # of the folds
    text = " ".join(filter(None, (f"epsilon {claim.epsilon:.3g}", some, _scope(claim))))
    return Cell(text + _UNTESTED.get(claim.audit.verdict, ""), claim.epsilon)


def _scope(claim: StatedClaim) -> str:
    return "" if claim.end_to_end else "for a part of the steps"


def verdict_cell(finding: Finding, board: Board, label: str) -> Cell:
    """Return the verdict on a generator; a control has none."""
    if label in board.controls:
        return Cell("control")
    found = judgement(finding)
    return Cell(f"{found.mark} {found.words}").flagged(found.flag)


def _note(board: Board, found: Mapping[str, Finding], lines: Sequence[Fold]) -> Text:
    text = Text()
    for best, start in ((False, "Real people instead of a release"), (True, "The best that claims nothing")):
        held = [s for s in _yardsticks(found, lines) if s.measure and (s.measure.real == BEST) == best]
        each = ", ".join(f"{s.measure.called} {s.real.mean:.{_DECIMALS}f}" for s in held if s.measure)
        text += f"{start}: {each}. " if held else ""
    text += (
        "Mean ± standard deviation over folds; the AUC of the strongest attack (0.5 is guessing) less the luck of "
        "being the best, with a 95 % interval for all attacks at once. ✓ useful, and no attack could be told apart "
        "from guessing; ○ not found, but of less use; ✗ leaks, or breaks its claim; ? not known. Untested: no audit "
        "could have refuted the claim. In brackets: how much of what a claim allows the strongest attack reached. "
    )
    hidden = len(board.labels) - sum(1 + len(line.others) for line in lines)
    text += "Variants of a generator are folded into one line, whose numbers are those of its default. "
    if hidden:
        text += f"The {hidden} least useful are in the section with every generator. "
    return text


def _yardsticks(found: Mapping[str, Finding], lines: Sequence[Fold]) -> Iterator[Score]:
    """Yield, of each measure on the screen, the score of the first line whose real people are known."""
    seen = set()
    for line in lines:
        f = found[line.label]
        for s in (f.use, f.worst, *f.science):
            if s.measure and s.real.n_ok and s.measure.name not in seen:
                seen.add(s.measure.name)
                yield s


# -- findings ----------------------------------------------------------------------------------------------------------


def findings_in_words(board: Board, found: Mapping[str, Finding], n_samples: int) -> Bullets:
    """Return what is known, in at most five sentences."""
    ranked = {label: found[label] for label in board.ranked}
    said = [bottom_line(ranked), _who_leaks(ranked), _who_is_useful(board, ranked)]
    said += [_against_people(board, ranked, n_samples), _who_claims(ranked)]
    return Bullets(tuple(text for text in said if text is not None))


def _names(labels: Sequence[str]) -> Text:
    """Return the first few names, and how many more there are."""
    shown = labels if len(labels) <= _NAMED + 1 else labels[:_NAMED]
    rest = len(labels) - len(shown)
    return joined(map(code, shown)) + (f" and {rest} more" if rest else "")


def _verb(subjects: Sized, one: str, many: str) -> str:
    return one if len(subjects) == 1 else many


def _who_leaks(ranked: Mapping[str, Finding]) -> Text | None:
    leaking = sorted((x for x, f in ranked.items() if f.leak in ("clear", "slight")), key=lambda x: -ranked[x].auc.mean)
    if not leaking:
        return None
    aucs = [ranked[x].auc.mean for x in leaking]
    start = (
        bold(f"{len(leaking)} of {len(ranked)} {_verb(leaking, 'leaks', 'leak')}")
        + f", by more than luck explains (AUC {_range(aucs)}): "
    )
    return start + _names(leaking) + "."


def _who_is_useful(board: Board, ranked: Mapping[str, Finding]) -> Text | None:
    known = {x: f for x, f in ranked.items() if f.use.value.n_ok}
    if not known:
        return None
    weak = [x for x, f in known.items() if f.worst.near(NEAR["worst"]) is False]
    text = best_use(board, known)
    if weak:
        name = next(m.called for x in weak if (m := known[x].worst.measure))
        text += f" {len(weak)} of {len(known)} {_verb(weak, 'is', 'are')} weak in the {name}: " + _names(weak) + "."
    return text


def _against_people(board: Board, ranked: Mapping[str, Finding], n_samples: int) -> Text | None:
    """Say whom folds cannot tell apart from other real people who stand in for a release."""
    known = plugins("generator")
    spare = [x for x in board.controls if (info := known.get(x.partition("[")[0])) and info.option("fits") == "spare"]
    measures = [m for m in board.deciding("use") if spare and board.summary(spare[0], m.name).complete]
    if not measures:
        return None
    control, measure = spare[0], measures[0]
    rows = board.rows.loc[board.rows["measure"] == measure.name, ["label", "seed", "fold", "value"]]
    mine = [x for x in ranked if board.summary(x, measure.name).complete]
    share, same = held_out_per_train(board, list(board.labels), n_samples), []
    for label in mine:
        pair = by_fold(rows, [label, control])
        if pair.shape[1] > 1 and not corrected_interval(pair[0] - pair[1], share).excludes_zero:
            same.append(label)
    score: Summary = board.summary(control, measure.name)
    text = "Other real people ({}) reach " + f"{score.mean:.{_DECIMALS}f} by {measure.called}"
    few = f", and folds cannot tell {len(same)} of {len(mine)} generators from them" if same else ""
    return prose(text + few + ".", code(control))


def _who_claims(ranked: Mapping[str, Finding]) -> Text | None:
    made = {x: f.claim for x, f in ranked.items() if f.claim is not None}
    if not made:
        return None
    whole = [x for x, c in made.items() if c.end_to_end]
    refuted = [x for x, c in made.items() if c.audit.verdict == "refuted"]
    silent = [x for x, c in made.items() if c.audit.verdict is None]
    text = prose(
        f"{{}} {_verb(made, 'claims', 'claim')} differential privacy, {len(whole)} of them end to end",
        bold(f"{len(made)} of {len(ranked)}"),
    )
    text += "; audits refuted " + (_names(refuted) if refuted else "none")
    return text + (f", and {len(silent)} {_verb(silent, 'was', 'were')} not audited." if silent else ".")
