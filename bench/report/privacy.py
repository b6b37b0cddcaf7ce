"""The tables of a leaderboard that are about privacy: what attacks found, and what generators claim.

Sound attacks and the published arithmetic stand apart: the latter is kept to be compared with published numbers, never
to judge a generator.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.registry.declarations import PluginInfo
from bench.registry.finding import plugins
from bench.report.audits import NOT_AUDITED, AuditReading, audited
from bench.report.board import ABSENT, Board, Summary, columns, escape, number, sound_attacks, strong
from bench.statistics.membership import OFFICIAL_TARGETS
from bench.statistics.strongest_attack import strongest_attack
from bench.store.rows import with_labels
from bench.studies.audit_reading import Verdict

_READINGS = {  # measure: title, chance
    "auc": ("AUC", "0.5"),
    "tpr_at_fpr_01": ("TPR at FPR 1 %", "0.01"),
    "tpr_at_fpr_10": ("TPR at FPR 10 %", "0.10"),
}
_CHOSEN_BY = ("auc", "tpr_at_fpr_01")
AUDIT_WORDS: dict[Verdict | None, str] = {  # beside a claim
    "refuted": "REFUTED",
    "exceeded": "exceeded, as steps outside the budget may",
    "not refuted": "not refuted",
    "not testable": "not testable so",
    None: "not audited",
}


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
    """

    epsilon: float
    n_made: int
    n_planned: int
    deltas: tuple[float, ...]
    end_to_end: bool
    texts: tuple[str, ...]
    audit: AuditReading

    @property
    def epsilon_text(self) -> str:
        """The epsilon, and on how many folds it is claimed unless on all: ``"4"``, ``"4 (2/5)"``."""
        some = f" ({self.n_made}/{self.n_planned})" if self.n_made < self.n_planned else ""
        return f"{self.epsilon:g}{some}"


def attack_tables(board: Board) -> Iterator[str]:
    """Yield the section on membership inference; nothing if no attack was planned."""
    names = sorted(set(board.rows["attack"]) - {""})
    if not names:
        return
    known = plugins("attack")
    sound = sound_attacks(board.rows)
    official = [name for name in names if name not in sound]
    yield "## Membership inference\n"
    if sound:
        yield _strongest_table(board, sound, known)
        yield from (_matrix(board, sound, measure) for measure in _READINGS)
    if official:
        yield _official_table(board, official)
    yield _attacks_table(board, [*sound, *official], known)


def strongest_by_label(board: Board, measure: str) -> dict[str, pd.Series[float]]:
    """Return what the strongest attack on each generator reaches on each fold, chosen on the others, or NaN."""
    chosen = with_labels(strongest_attack(board.rows, measure=measure, attacks=sound_attacks(board.rows)))
    return {label: chosen["value"][chosen["label"] == label] for label in board.labels}


def _strongest_table(board: Board, attacks: Sequence[str], known: Mapping[str, PluginInfo]) -> str:
    by_auc, by_tpr = (with_labels(strongest_attack(board.rows, measure=m, attacks=attacks)) for m in _CHOSEN_BY)
    body = []
    for label in board.labels:
        first, second = by_auc[by_auc["label"] == label], by_tpr[by_tpr["label"] == label]
        groups = [_read_with(board, first, measure) for measure in ("auc_worst_class", "auc_outliers")]
        numbers = [number(summary_of(values), 3) for values in (first["value"], *groups)]
        tpr = number(summary_of(second["value"]), 3)
        body.append([board.head(label), _names(first), _sees(first, known), *numbers, _names(second), tpr])
    note = (
        "On each fold the attack that was strongest on the other folds, so that luck is not rewarded; in brackets on "
        "how many folds it was chosen, and nothing where there is one fold only. Worst class, outliers: the AUC of the "
        "same attack in the class it finds easiest (a maximum, above 0.5 by chance) and among the tenth of people "
        "farthest from everybody else. Chance: AUC 0.5, TPR 0.01. Lower is more private."
    )
    head = columns(["generator", "strongest by AUC", "sees"], ["AUC ↓", "worst class ↓", "outliers ↓"])
    head += columns(["strongest by TPR at FPR 1 %"], ["TPR ↓"])
    return board.table("Strongest attack on each generator, chosen on other folds", note, head, body)


def _read_with(board: Board, chosen: pd.DataFrame, measure: str) -> pd.Series[float]:
    """Return another measure of the chosen attacks, on the folds they were chosen for."""
    where = ["label", "seed", "fold", "attack"]
    values = board.rows.loc[board.rows["measure"] == measure, [*where, "value"]]
    return chosen[where].merge(values, how="left", on=where)["value"]


def summary_of(values: pd.Series[float]) -> Summary:
    """Return the summary of one number per fold, NaN where it is missing."""
    return Summary(float(values.mean()), float(values.std()), int(values.notna().sum()), len(values))


def _names(chosen: pd.DataFrame) -> str:
    """Return the chosen attacks, the most frequent first, with the number of folds unless it is one attack alone."""
    counts = chosen["attack"][chosen["attack"] != ""].value_counts()
    if len(counts) == 1:
        return f"`{counts.index[0]}`"
    return ", ".join(f"`{name}` ({n})" for name, n in counts.items()) or ABSENT


def _sees(chosen: pd.DataFrame, known: Mapping[str, PluginInfo]) -> str:
    names = [str(name) for name in chosen["attack"].unique() if name in known]
    return " / ".join(sorted({str(known[name].option(*_DEFAULTS[0])) for name in names})) or ABSENT


def _above_chance(found: Mapping[str, Summary], chance: float) -> list[str]:
    """Return the strongest attack and its equals to three decimals; none within one sd of chance, or without an sd."""
    top = max((round(s.mean, 3) for s in found.values() if s.n_ok), default=0.0)
    equal = [name for name, s in found.items() if s.n_ok and round(s.mean, 3) == top]
    return [name for name in equal if found[name].mean - found[name].sd > chance]


def _matrix(board: Board, attacks: Sequence[str], measure: str) -> str:
    title, chance = _READINGS[measure]
    body = []
    for label in board.labels:
        found = {name: board.summary(label, measure, name) for name in attacks}
        texts = {name: number(summary, 3) for name, summary in found.items()}
        for name in _above_chance(found, float(chance)):
            texts[name] = strong(texts[name])
        body.append([board.head(label), *texts.values(), board.share(label, [measure], attacks)])
    note = f"Chance {chance}; lower is more private. Bold: the strongest, if more than one sd above chance."
    if measure != "auc":
        note += " Strict: at the last threshold whose FPR is at or below the target, tied scores not split."
    return board.table(f"{title}, attacks side by side", note, columns(["generator"], [*attacks, "ok / planned"]), body)


def _official_table(board: Board, attacks: Sequence[str]) -> str:
    measures = ["auc", "pr_auc", "pr_auc_chance", *OFFICIAL_TARGETS, "ties"]
    body = []
    for label in board.labels:
        for name in attacks:
            found = [board.summary(label, measure, name) for measure in measures]
            if any(summary.n_planned for summary in found):
                body.append([board.head(label), f"`{name}`", *(number(summary, 3) for summary in found)])
    note = (
        "The published arithmetic, kept only to be compared with published numbers. Its TPR is read at the first "
        "threshold at or beyond the target FPR and over-reports where scores are tied (the last column: share of "
        "candidates whose score another one has too)."
    )
    heads = ["AUC", "PR AUC", "PR AUC chance", "official TPR at FPR 1 %", "official TPR at FPR 10 %", "tied scores"]
    return board.table("Official attacks", note, columns(["generator", "attack (official)"], heads), body)


def _attacks_table(board: Board, attacks: Sequence[str], known: Mapping[str, PluginInfo]) -> str:
    body = []
    for name in attacks:
        info = known.get(name)
        access, family = (str(info.option(k, v)) for k, v in _DEFAULTS) if info else ("not installed here",) * 2
        official = "official" if info and info.option("official", False) else "sound"
        ties = [board.summary(label, "ties", name) for label in board.labels]
        shares = [summary.mean for summary in ties if summary.n_ok]
        spread = f"{min(shares):.3f} to {max(shares):.3f}" if shares else ABSENT
        ok, planned = sum(s.n_ok for s in ties), sum(s.n_planned for s in ties)
        body.append([f"`{name}`", official, access, family, spread, f"{ok} / {planned}"])
    note = "What the attacker sees beside the candidates, and what the attack looks at. Ties: over all generators."
    head = columns(["attack", "arithmetic", "sees", "looks at"], ["tied scores", "ok / planned"])
    return board.table("The attacks", note, head, body)


_DEFAULTS = (("access", "black-box"), ("family", "distance"))  # those of the @attack decorator


# -- claims ------------------------------------------------------------------------------------------------------------


def claim_table(board: Board, audits: pd.DataFrame | None = None) -> Iterator[str]:
    """Yield the section on what generators claim; it stands beside the attacks so that both are read together."""
    claims = board.rows[board.rows["family"] == "claim"]
    if claims.empty:
        return
    yield "## Privacy claims\n"
    body = [_claim_line(board, label, stated) for label, stated in stated_claims(board, audits).items()]
    silent = claim_nothing(board)
    note = (
        "What a generator states about itself, not what was measured. Epsilon: the largest over folds and seeds. No "
        "claim covers the choice of hyper-parameters, nor several releases together. Audited: the largest lower bound "
        "that `bench audit` found, at the claim's delta; above the claim it refutes it, below it proves nothing."
    )
    head = columns(["generator"], ["epsilon", "delta"], "end to end", "audited epsilon ≥", "verdict", "claim")
    if body:
        yield board.table("Claims", note, head, body)
    if silent:
        yield f"Claim nothing: {', '.join(board.head(label) for label in silent)}.\n"


def stated_claims(board: Board, audits: pd.DataFrame | None = None) -> dict[str, StatedClaim]:
    """Return what each generator that claims something claims, over all its folds and seeds."""
    claims = board.rows[board.rows["family"] == "claim"]
    parts = {label: claims[claims["label"] == label] for label in board.labels}
    return {label: _stated(label, p, audits) for label, p in parts.items() if p["value"].notna().any()}


def claim_nothing(board: Board) -> list[str]:
    """Return the generators that were run and claim nothing."""
    claims = board.rows[board.rows["family"] == "claim"]
    parts = {label: claims[claims["label"] == label] for label in board.labels}
    return [label for label, p in parts.items() if (p["status"] == "ok").any() and p["value"].isna().all()]


def _stated(label: str, part: pd.DataFrame, audits: pd.DataFrame | None) -> StatedClaim:
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
        audited(audits, label, epsilon, deltas) if tested else NOT_AUDITED,
    )


def _claim_in_words(row: Mapping[Hashable, Any]) -> str:
    outside = ", ".join(json.loads(row["outside"] or "[]"))
    scope = f"not end to end; outside the budget: {outside}" if outside else "end to end"
    return (
        f"{row['mechanism']}; protects {row['unit']}, {row['neighbours']}; delta {row['delta']:g}; "
        f"{row['accountant']}; {scope}"
    )


def _claim_line(board: Board, label: str, stated: StatedClaim) -> list[str]:
    audit = stated.audit
    bound = f"{audit.low:.2f} (at most {audit.ceiling:.2f} could be shown)" if audit.verdict else ABSENT
    above = audit.verdict in ("refuted", "exceeded")
    words = AUDIT_WORDS[audit.verdict]
    return [
        board.head(label),
        stated.epsilon_text,
        " or ".join(f"{delta:g}" for delta in stated.deltas) or ABSENT,
        "yes" if stated.end_to_end else "no",
        strong(bound) if above else bound,
        strong(words) if audit.verdict == "refuted" else words,
        escape(" / ".join(stated.texts)),
    ]
