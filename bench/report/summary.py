"""Says in plain words what the rows show: what leaks, what is useful, what is claimed, and what audits found."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from bench.report.board import ABSENT, Summary, columns, in_tables, number, sound_attacks, strong
from bench.report.findings import CLEAR, USE, Finding
from bench.report.html_parts import Html, HtmlBoard, bullets, element, inline, join
from bench.report.measures import leaders
from bench.report.privacy import AUDIT_WORDS, LEAST, StatedClaim, claim_nothing, p_text
from bench.studies.audit_reading import GAUSSIAN, Verdict


def summary(board: HtmlBoard, found: Mapping[str, Finding], about: Mapping[str, Any], audits: pd.DataFrame) -> Html:
    """Return the section that somebody reads who reads nothing else."""
    ranked = {label: found[label] for label in board.ranked}
    parts = {
        "In one sentence": [_bottom_line(ranked)],
        "What leaks": _leaks(board, ranked, found),
        "What is useful": _uses(board, ranked),
        "What is claimed": _claims(board, ranked),
        "What audits refuted, and what was not audited": _audited(ranked, audits),
    }
    texts = (join([element("h3", title), *blocks]) for title, blocks in parts.items())
    return join([_opening(board, about), *texts, _glance(board, found)])


def _opening(board: HtmlBoard, about: Mapping[str, Any]) -> Html:
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
    text = (
        f"{start}{len(board.ranked)} generators{controls} were trained on parts of {data['title']} "
        f"({data['samples']} samples, {data['genes']} genes) and released synthetic samples. {tried} Classifiers "
        "trained on a release were tested on real samples that no generator had seen. All figures are means over "
        "folds, ± their standard deviation."
    )
    return element("p", text)


def _bottom_line(ranked: Mapping[str, Finding]) -> Html:
    if all(f.leak == "unknown" for f in ranked.values()):
        text = "**What leaks cannot be said here**, because no attack was run."
    elif safe := [label for label, f in ranked.items() if f.useful and f.leak == "chance"]:
        text = (
            f"**Useful, and no attack tried here could be told apart from guessing:** {_names(safe)}. No attack that "
            "fails proves privacy: a stronger one may exist."
        )
    else:
        text = "**No generator here is both useful and out of reach of the attacks** that were tried."
    return element("p", inline(text), class_="bottom-line")


# -- what leaks --------------------------------------------------------------------------------------------------------


def _leaks(board: HtmlBoard, ranked: Mapping[str, Finding], found: Mapping[str, Finding]) -> list[Html]:
    large = f"an AUC of {CLEAR['auc']} or more, or {_percent(CLEAR['tpr_at_fpr_01'], 0)} or more found"
    groups = {
        "clear": f"**Leak clearly** ({large}):",
        "slight": "**Leak a little** (less, but more than luck explains):",
        "unsure": f"**May leak** ({large}, but folds differ so much that it can be luck):",
        "chance": "**No attack could be told apart from guessing**, which proves no privacy:",
        "unknown": "**Cannot be said**, for want of attacks:",
    }
    items = []
    for kind, text in groups.items():
        part = sorted((-f.auc.mean, label) for label, f in ranked.items() if f.leak == kind)
        if part:
            items.append(inline(f"{text} {', '.join(_exposed(label, ranked[label]) for _, label in part)}."))
    scale = (
        "The AUC says how often the strongest attack picks the training sample out of a pair with one outsider: 0.5 is "
        "a coin, 1 is always. *Found* is the share of training samples recognised while 1 % of the outsiders are "
        "wrongly accused: a little above 1 % is guessing. Both are those of the strongest attack, less the luck of "
        "being the best of many. More than luck explains: if no attack knew anything, the best would look so strong "
        "with a probability p below 0.05, corrected for the number of attacks, for the two readings and for the number "
        "of generators. It is the same rule for all."
    )
    return [element("p", inline(scale)), bullets(items), *_yardstick(board, found)]


def _exposed(label: str, finding: Finding) -> str:
    return f"`{label}` ({_exposure_text(finding)})" if finding.auc.n_ok else f"`{label}`"


def _exposure_text(finding: Finding) -> str:
    share = f", {_percent(finding.found.mean)} found" if finding.found.n_ok else ""
    return f"AUC {_figure(finding.auc)}{share}{_luck(finding.p_value)}"


def _luck(p_value: float) -> str:
    """Return ``", p < 0.001"`` or ``", p = 0.012"``, which no line breaks; nothing without a p value."""
    sign = "" if p_value < LEAST else "=\u00a0"
    return "" if math.isnan(p_value) else f", p\u00a0{sign}{p_text(p_value)}".replace("< ", "<\u00a0")


def _figure(summary: Summary) -> str:
    """Return a number for running text, which no line breaks."""
    return number(summary, 3).replace(" ", "\u00a0")


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f}\u00a0%"


def _yardstick(board: HtmlBoard, found: Mapping[str, Finding]) -> Iterator[Html]:
    """Yield what the control says that holds no training sample: how far luck alone goes."""
    label = next((label for label in board.labels if label == "real_holdout"), None)
    if label and found[label].auc.n_ok:
        text = f"For scale: `{label}`, real samples of other people, gives {_exposure_text(found[label])}."
        yield element("p", inline(f"{text} It can leak nobody, so that differences of this size are luck."))


# -- what is useful ----------------------------------------------------------------------------------------------------


def _uses(board: HtmlBoard, ranked: Mapping[str, Finding]) -> list[Html]:
    known = {label: f for label, f in ranked.items() if f.use.n_ok}
    if not known:
        return [element("p", inline(f"Cannot be said: the rows hold no `{USE}`."))]
    real = [f.real for f in known.values() if f.real.n_ok]
    against = f"; trained on real samples it is right for {_percent(max(s.mean for s in real))}" if real else ""
    top = max(known, key=lambda label: known[label].use.mean)
    text = (
        f"Trained on the synthetic samples of `{top}`, the best here, a classifier gives the right class to "
        f"{_percent(known[top].use.mean)} of real samples that it has never seen{against}."
    )
    best = (
        leaders({label: f.use for label, f in ranked.items()}, board.measures[USE]) if USE in board.measures else set()
    )
    groups = {
        "**Within one standard deviation of the best:**": [label for label in known if label in best],
        "**Useful too** (at most 5 points below real samples):": [
            label for label, f in known.items() if f.useful and label not in best
        ],
        "**More than 5 points below real samples:**": [
            label for label, f in known.items() if f.use.complete and f.real.complete and not f.useful
        ],
        "**Not judged**, because folds are missing:": [
            label for label, f in ranked.items() if not (f.use.complete and f.real.complete)
        ],
    }
    items = [inline(f"{start} {_accuracies(labels, ranked)}.") for start, labels in groups.items() if labels]
    return [element("p", inline(text)), bullets([*items, *_elsewhere(board)])]


def _elsewhere(board: HtmlBoard) -> Iterator[Html]:
    """Yield a line for each other table: who is among the best there, and in how many of its measures."""
    for table, measures in in_tables(board.measures.values()).items():
        scores = [m for m in measures if m.better != "none"]
        found = ({label: board.summary(label, m.name) for label in board.ranked} for m in scores)
        best = Counter(label for m, held in zip(scores, found, strict=True) for label in leaders(held, m))
        if best and table != "utility":
            among = ", ".join(f"`{label}` ({best[label]})" for label in sorted(best, key=lambda x: (-best[x], x)))
            name = table.replace("_", " ")
            yield inline(f"**Among the best in {name}**, in how many of its {len(scores)} measures: {among}.")


def _accuracies(labels: Iterable[str], ranked: Mapping[str, Finding]) -> str:
    shown = ((label, ranked[label].use) for label in labels)
    return ", ".join(f"`{label}` ({_figure(use)})" if use.n_ok else f"`{label}`" for label, use in shown)


# -- what is claimed, and what audits say ------------------------------------------------------------------------------


def _claims(board: HtmlBoard, ranked: Mapping[str, Finding]) -> list[Html]:
    made = {label: f.claim for label, f in ranked.items() if f.claim is not None}
    silent = [label for label in claim_nothing(board) if label in ranked]
    groups = {
        "**Claim differential privacy, every step inside the budget:**": [
            f"`{label}` (epsilon {c.epsilon_text})" for label, c in made.items() if c.end_to_end
        ],
        "**Claim it for a part of what they do only**, other steps touch the data outside the budget:": [
            f"`{label}` (epsilon {c.epsilon_text})" for label, c in made.items() if not c.end_to_end
        ],
        "**Claim nothing:**": [f"`{label}`" for label in silent],
    }
    items = [inline(f"{start} {', '.join(texts)}.") for start, texts in groups.items() if texts]
    note = "A claim is what a generator states about itself. The smaller the epsilon, the stronger the promise."
    return [element("p", note), bullets(items)] if items else [element("p", "The rows hold no claims.")]


def _audited(ranked: Mapping[str, Finding], audits: pd.DataFrame) -> list[Html]:
    made = {label: f.claim for label, f in ranked.items() if f.claim is not None}
    verdicts: dict[Verdict | None, str] = {
        "refuted": "**Refuted: the release gives away more than the claim allows:**",
        "exceeded": "**Exceeded, as steps outside the budget may**, which are listed:",
        "not refuted": "**Audited and not refuted**, which proves nothing:",
        "not testable": "**Audited with too few records or runs to refute the claim**, whatever the attack:",
        None: "**Claimed, but not audited:**",
    }
    items = [
        inline(f"{start} {', '.join(_with_bound(label, made[label]) for label in labels)}.")
        for verdict, start in verdicts.items()
        if (labels := [label for label, claim in made.items() if claim.audit.verdict == verdict])
    ]
    items += [inline(text) for text in _hypothetical(ranked, audits)]
    if not items:
        return [element("p", "Nothing was claimed, so that nothing could be refuted.")]
    return [bullets(items)]


def _with_bound(label: str, claim: StatedClaim) -> str:
    if claim.audit.verdict is None:
        return f"`{label}` (epsilon {claim.epsilon_text})"
    return f"`{label}` (claims epsilon {claim.epsilon_text}, shown: at least {claim.audit.low:.2f})"


def _hypothetical(ranked: Mapping[str, Finding], audits: pd.DataFrame) -> Iterator[str]:
    """Yield what audits refuted that the generators do not claim themselves."""
    lost = audits[(audits["verdict"] == "refuted") & (audits["bound"] != GAUSSIAN)] if len(audits) else audits
    for label in sorted(set(lost["label"]) if len(lost) else ()):
        if label in ranked and ranked[label].claim is None:
            tested = ", ".join(f"{epsilon:g}" for epsilon in sorted(set(lost["epsilon"][lost["label"] == label])))
            yield f"`{label}` claims nothing; tested as if it claimed epsilon {tested}, it was **refuted**."


def _names(labels: Iterable[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


# -- at a glance -------------------------------------------------------------------------------------------------------


def _glance(board: HtmlBoard, found: Mapping[str, Finding]) -> Html:
    words = {"clear": "clear", "slight": "slight", "unsure": "unsure", "chance": "none found", "unknown": "not known"}
    body = []
    for label, f in found.items():
        use, real, auc, share = (number(s, 3) for s in (f.use, f.real, f.auc, f.found))
        body.append([board.head(label), use, real, words[f.leak], auc, share, *_claim_at_a_glance(f.claim)])
    note = (
        "Accuracy of a classifier trained on synthetic and on real samples; AUC and share found at 1 % wrongly accused "
        "of the strongest attack, less the luck of being the best; what is claimed. Mean ± standard deviation over "
        "folds."
    )
    head = columns(["generator"], ["accuracy ↑", "with real data"], "leak")
    head += columns([], ["AUC ↓", "found ↓", "claimed epsilon ↓"], "end to end", "audit")
    return board.table("At a glance", note, head, body)


def _claim_at_a_glance(claim: StatedClaim | None) -> list[str]:
    """Return the cells on epsilon, end to end and audit."""
    if claim is None:
        return ["nothing", ABSENT, ABSENT]
    verdict = claim.audit.verdict
    words = AUDIT_WORDS[verdict]
    return [
        claim.epsilon_text,
        "yes" if claim.end_to_end else "no",
        strong(words) if verdict == "refuted" else words,
    ]
