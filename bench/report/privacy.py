"""The tables of a leaderboard about membership inference: what attacks found on each generator.

Sound attacks and the published arithmetic stand apart: the latter is kept to be compared with published numbers, never
to judge a generator.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pandas as pd

from bench.registry.declarations import PluginInfo
from bench.registry.finding import plugins
from bench.report.board import Board, Summary, number, sound_attacks
from bench.report.comparison import held_out_per_train
from bench.report.table import ABSENT, Block, Cell, Content, Heading, Paragraph, Table, numbers, words
from bench.report.text import code
from bench.statistics.comparison import holm
from bench.statistics.membership import FPR_TARGETS, OFFICIAL_TARGETS, chance_of_tpr, shown
from bench.statistics.strongest_attack import strongest_attack, strongest_by_fold
from bench.store.rows import with_labels

_READINGS = {"auc": "AUC", "tpr_at_fpr_01": "TPR at FPR 1 %", "tpr_at_fpr_10": "TPR at FPR 10 %"}
JUDGED_BY = (
    "auc",
    "tpr_at_fpr_01",
    "tpr_at_fpr_001",
    "auc_easiest_class",
    "auc_outliers",
)  # the verdict of every release
HIDDEN = (
    "What was attacked is the plain release: values on a grid, labels, rows in an order of the harness. Tests from "
    "outside cannot exclude that the values hide something else, in a code that only their maker can read."
)
_WIDEST = 9  # attacks side by side; a longer table is cut into even parts
FOREIGN = "foreign"  # begins the words of the rows' origin on a reference of elsewhere
LEAST = 0.001  # p values below are printed as "less than"
LUCK = 0.05  # from this p value on, corrected, luck explains what attacks find


def attack_tables(board: Board, n_samples: int, reference: str = "") -> Iterator[Block]:
    """Yield the section on membership inference; nothing if no attack was planned.

    Parameters
    ----------
    n_samples : people in the cohort, training and held out together
    reference : whom attackers with a reference were shown, as the rows' origin says
    """
    names = sorted(set(board.rows["attack"]) - {""})
    if not names:
        return
    known = {name: _with_access(info, reference) for name, info in plugins("attack").items()}
    sound = sound_attacks(board.rows)
    official = [name for name in names if name not in sound]
    yield Heading("Membership inference")
    yield Paragraph(HIDDEN)
    if sound:
        yield _strongest_table(board, known, n_samples)
        for measure in _READINGS:
            yield from _matrices(board, sound, measure, n_samples)
    if official:
        yield _official_table(board, official)
    yield _attacks_table(board, [*sound, *official], known)
    if reference.startswith(FOREIGN):
        yield Paragraph(f"The reference is {reference}. Nobody of the cohort was set aside for it.")


def _with_access(info: PluginInfo, reference: str) -> PluginInfo:
    """Return an attack with the access that it had here: its reference people may be of elsewhere."""
    access = str(info.option(*_DEFAULTS[0]))
    if not reference.startswith(FOREIGN) or "reference" not in access:
        return info
    return replace(info, options={**info.options, "access": access.replace("reference", "foreign reference")})


@dataclass(frozen=True, eq=False)
class Strongest:
    """What the strongest sound attack reaches on each generator, by one measure, with the sign that tells more.

    Parameters
    ----------
    found : what `strongest_attack` returns, by label
    by_fold : what `strongest_by_fold` returns, with a column ``label``
    """

    found: pd.DataFrame
    by_fold: pd.DataFrame

    def summary(self, label: str) -> Summary:
        """Return the worth of the strongest attack, with its standard deviation over folds; NaN if there is none."""
        return summary_of(self.by_fold["value"][self.by_fold["label"] == label])

    def of(self, label: str, column: str) -> Any:
        """Return one entry of `found`; NaN if no attack was planned."""
        return self.found[column].get(label, math.nan)

    def name(self, label: str) -> str:
        """Return the strongest attack, with the word *reversed* where its sign was turned around; empty without one."""
        name = self.of(label, "attack")
        return shown(name, bool(self.of(label, "reversed"))) if isinstance(name, str) and name else ""


@lru_cache(maxsize=2 * len(JUDGED_BY))  # of one board or two: a page asks for the same readings again and again
def strongest(board: Board, measure: str, n_samples: int) -> Strongest:
    """Return what the strongest sound attack reaches on each generator, less the luck of being the best."""
    asked = candidates_of(board, n_samples)
    found = strongest_attack(board.rows, measure=measure, attacks=sound_attacks(board.rows), candidates=asked)
    by_fold = strongest_by_fold(board.rows, found, measure)
    return Strongest(with_labels(found).set_index("label"), with_labels(by_fold))


def candidates_of(board: Board, n_samples: int) -> tuple[int, int]:
    """Return how many members and others an attack is asked about on one fold, on which the luck of a TPR depends."""
    if board.people:
        return board.people
    share = held_out_per_train(board, list(board.labels), n_samples)
    others = min(max(1, round(n_samples * share / (1 + share))), n_samples - 1)
    return n_samples - others, others


def chance_level(measure: str, others: int) -> float:
    """Return what an attack that knows nothing reaches: 1/2 for an AUC, more than the target FPR for a strict TPR."""
    return chance_of_tpr(FPR_TARGETS[measure], others) if measure in FPR_TARGETS else 0.5


def leak_p_values(board: Board, readings: Sequence[Strongest]) -> dict[str, float]:
    """Return, for each generator, how probable it is that attacks which know nothing look as strong as they do.

    The one rule of every verdict: each reading holds for all attacks and both their signs at once (Sidak), the readings
    of a generator share the level (Bonferroni), and the generators of a page pay for their number (Holm). Controls are
    not judged and pay nothing.

    Parameters
    ----------
    readings : one for each measure of `JUDGED_BY`
    """
    each = [pd.Series({x: r.of(x, "p_value") for x in board.labels}, dtype=float) for r in readings]
    table = pd.concat(each, axis=1)
    raw = (table.min(axis=1) * table.notna().sum(axis=1)).clip(upper=1)
    ranked = [label for label in board.labels if label not in board.controls]
    raw[ranked] = holm(raw[ranked].to_numpy())
    return {str(label): float(p) for label, p in raw.items()}


def p_text(p_value: float) -> str:
    """Return a p value as the pages print it: ``"0.012"``, ``"< 0.001"``."""
    return f"< {LEAST:g}" if p_value < LEAST else f"{p_value:.3f}"


def judged(board: Board, n_samples: int) -> dict[str, Strongest]:
    """Return what the strongest attack reaches by each measure of `JUDGED_BY`."""
    return {measure: strongest(board, measure, n_samples) for measure in JUDGED_BY}


def _strongest_table(board: Board, known: Mapping[str, PluginInfo], n_samples: int) -> Table:
    readings = judged(board, n_samples)
    by_auc, p_values = readings["auc"], leak_p_values(board, list(readings.values()))
    body = []
    for label in board.labels:
        first = by_auc.by_fold[by_auc.by_fold["label"] == label]
        cells = [_name(by_auc, label), _sees(first, known), number(by_auc.summary(label), 3), _interval(by_auc, label)]
        cells += [number(readings[m].summary(label), 3) for m in ("auc_easiest_class", "auc_outliers")]
        cells += [_name(readings["tpr_at_fpr_01"], label)]
        cells += [number(readings[m].summary(label), 3) for m in ("tpr_at_fpr_01", "tpr_at_fpr_001")]
        body.append([board.head(label), *cells, _p_cell(p_values[label])])
    _, others = candidates_of(board, n_samples)
    none, few = (chance_of_tpr(FPR_TARGETS[m], others) for m in ("tpr_at_fpr_001", "tpr_at_fpr_01"))
    note = (
        "Of each reading the attack with the largest mean over folds: the mean less the luck of being the best of "
        "many, at least guessing. The 95 % interval holds for all attacks at once. An attack that ranks members last "
        "tells as much as one that ranks them first: each is read both ways, and the word reversed says where that "
        "told more. Worst class: the AUC within the class that is easiest to tell, less the luck of the choice. "
        "Outliers: among the tenth of people farthest from their class. TPR: at a false-positive rate of 1 % (guessing "
        f"reaches {few:.4f}, for {others} non-members) and of 0.1 % ({none:.4f}), where a few copied people show whom "
        "an average hides. p: how probable it is that attacks that know nothing look so strong in one of these "
        "readings, corrected for the number of attacks, their signs, the readings and the number of generators (Holm); "
        "bold below 0.05, where the release leaks. Lower is more private."
    )
    head = [*words("generator", "strongest by AUC", "sees"), *numbers("AUC", better="lower"), *numbers("95 % interval")]
    head += [*numbers("worst class", "outliers", better="lower"), *words("strongest by TPR at FPR 1 %")]
    head += [*numbers("TPR", "TPR at FPR 0.1 %", better="lower"), *numbers("p")]
    return board.table("Strongest attack on each generator", note, head, body)


def _p_cell(p_value: float) -> Cell:
    if math.isnan(p_value):
        return ABSENT
    return Cell(p_text(p_value), p_value).flagged("leak" if p_value < LUCK else None)


def _interval(reading: Strongest, label: str) -> Cell:
    low, high = reading.of(label, "low"), reading.of(label, "high")
    return ABSENT if math.isnan(low) else Cell(f"[{low:.3f}, {high:.3f}]", low)


def summary_of(values: pd.Series[float]) -> Summary:
    """Return the summary of one number per fold, NaN where it is missing."""
    return Summary(float(values.mean()), float(values.std()), int(values.notna().sum()), len(values))


def _name(reading: Strongest, label: str) -> Cell:
    name = reading.name(label)
    return Cell(code(name)) if name else ABSENT


def _sees(chosen: pd.DataFrame, known: Mapping[str, PluginInfo]) -> Cell:
    names = [str(name) for name in chosen["attack"].unique() if name in known]
    seen = sorted({str(known[name].option(*_DEFAULTS[0])) for name in names})
    return Cell(" / ".join(seen)) if seen else ABSENT


def _flagged(found: Mapping[str, Summary], reading: Strongest, label: str, measure: str) -> list[str]:
    """Return the strongest attack and its equals to three decimals; none if luck explains the strongest one.

    One that is strongest with its sign reversed has the smallest AUC; its TPR as it is says nothing.
    """
    turned, p_value = bool(reading.of(label, "reversed")), reading.of(label, "p_value")
    means = {name: round(s.mean, 3) for name, s in found.items() if s.n_ok}
    if not means or not p_value < LUCK or (turned and measure in FPR_TARGETS):
        return []
    end = (min if turned else max)(means.values())
    return [name for name, mean in means.items() if mean == end]


def _matrices(board: Board, attacks: Sequence[str], measure: str, n_samples: int) -> Iterator[Table]:
    """Yield generators against attacks, in even parts of at most `_WIDEST` attacks."""
    reading = strongest(board, measure, n_samples)
    above = {}
    for label in board.labels:
        found = {name: board.summary(label, measure, name) for name in attacks}
        above[label] = _flagged(found, reading, label, measure)
    n = -(-len(attacks) // _WIDEST)
    for i in range(n):
        part = attacks[i * len(attacks) // n : (i + 1) * len(attacks) // n]
        title = f"{_READINGS[measure]}, attacks side by side" + (f" ({i + 1} of {n})" if n > 1 else "")
        yield _matrix(board, part, measure, n_samples, title, above)


def _matrix(
    board: Board, attacks: Sequence[str], measure: str, n_samples: int, title: str, above: Mapping[str, Sequence[str]]
) -> Table:
    body = []
    for label in board.labels:
        found = {name: board.summary(label, measure, name) for name in attacks}
        cells = [number(s, 3).flagged("strongest" if name in above[label] else None) for name, s in found.items()]
        body.append([board.head(label), *cells, board.share(label, [measure], attacks)])
    _, others = candidates_of(board, n_samples)
    chance = "0.5" if measure == "auc" else f"{chance_level(measure, others):.4f} ({others} non-members)"
    note = (
        f"As observed. Chance {chance}. Bold: the strongest, where luck with as many attacks does not explain it (p "
        "below 0.05)."
    )
    if measure == "auc":
        note += " An AUC far below chance leaks as much as one far above: the attacker turns the sign around."
    else:
        note += " Strict: at the last threshold whose FPR is at or below the target, tied scores not split."
    head = [*words("generator"), *numbers(*attacks, "ok / planned")]
    return board.table(title, note, head, body)


def _official_table(board: Board, attacks: Sequence[str]) -> Table:
    measures = ["auc", "pr_auc", "pr_auc_chance", *OFFICIAL_TARGETS, "ties"]
    body: list[list[Content]] = []
    for label in board.labels:
        for name in attacks:
            found = [board.summary(label, measure, name) for measure in measures]
            if any(summary.n_planned for summary in found):
                body.append([board.head(label), code(name), *(number(summary, 3) for summary in found)])
    note = (
        "The published arithmetic, kept only to be compared with published numbers. Its TPR is read at the first "
        "threshold at or beyond the target FPR and over-reports where scores are tied (the last column: share of "
        "candidates whose score another one has too)."
    )
    heads = ["AUC", "PR AUC", "PR AUC chance", "official TPR at FPR 1 %", "official TPR at FPR 10 %", "tied scores"]
    return board.table("Official attacks", note, [*words("generator", "attack (official)"), *numbers(*heads)], body)


def _attacks_table(board: Board, attacks: Sequence[str], known: Mapping[str, PluginInfo]) -> Table:
    body: list[list[Content]] = []
    for name in attacks:
        info = known.get(name)
        access, family = (str(info.option(k, v)) for k, v in _DEFAULTS) if info else ("not installed here",) * 2
        official = "official" if info and info.option("official", False) else "sound"
        ties = [board.summary(label, "ties", name) for label in board.labels]
        shares = [summary.mean for summary in ties if summary.n_ok]
        spread = Cell(f"{min(shares):.3f} to {max(shares):.3f}", min(shares)) if shares else ABSENT
        ok, planned = sum(s.n_ok for s in ties), sum(s.n_planned for s in ties)
        body.append([code(name), official, access, family, spread, Cell(f"{ok} / {planned}", ok)])
    note = "What the attacker sees beside the candidates, and what the attack looks at. Ties: over all generators."
    head = [*words("attack", "arithmetic", "sees", "looks at"), *numbers("tied scores", "ok / planned")]
    return board.table("The attacks", note, head, body)


_DEFAULTS = (("access", "black-box"), ("family", "distance"))  # those of the @attack decorator
