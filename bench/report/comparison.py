"""The tables of a leaderboard that compare: generators with each other, and our numbers with published ones.

There is no overall rank. Published numbers stand beside ours wherever a published method and measure are in our rows.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from bench.challenge.blue_entry import OTHER_FOLDS
from bench.core.errors import PluginError
from bench.registry.declarations import Measure, PluginInfo
from bench.registry.finding import plugins
from bench.registry.selection import all_params
from bench.report.board import (
    Board,
    Summary,
    coverage,
    decimals_for,
    first_measure,
    in_tables,
    number,
    sound_attacks,
    summarise,
)
from bench.report.table import ABSENT, Block, Bullets, Cell, Content, Heading, Table, figure, numbers, words
from bench.report.text import code, italic, prose
from bench.statistics.comparison import (
    RESAMPLES,
    Floats,
    Interval,
    by_fold,
    control_scaled,
    corrected_interval,
    on_front,
    ranks,
    resampled_means,
)
from bench.statistics.critical_difference import ROPE, Ranking, posterior, ranking
from bench.statistics.strongest_attack import strongest_attack, strongest_by_fold
from bench.store.rows import with_labels

_WIDEST = 12  # measures side by side; a longer table is cut into even parts
_COLUMNS = ["label", "seed", "fold", "value"]


def comparison_tables(board: Board, n_samples: int) -> Iterator[Block]:
    """Yield the section; nothing if fewer than two complete generators share two folds.

    Parameters
    ----------
    n_samples : people in the cohort, training and held out together
    """
    compared = _compared(board)
    if compared is None:
        return
    measure, labels, utility = compared
    values, exposure = by_fold(utility, labels), _exposure(board)
    yield Heading("Comparison")
    yield _paired_table(board, measure, labels, values, n_samples)
    exposed = [label for label in labels if label in set(exposure["label"])]
    both = utility.merge(exposure, on=["label", "seed", "fold"], suffixes=("", "_exposure"))
    if len(exposed) > 1 and by_fold(both[_COLUMNS], exposed).shape[1] > 1:
        yield _front_table(board, measure, exposed, both)
    yield from _scaled_table(board)


def ranking_of(board: Board, n_samples: int) -> tuple[Measure, Ranking] | None:
    """Return the measure that generators are compared by and their ranking; None if there is nothing to compare."""
    compared = _compared(board)
    if compared is None:
        return None
    measure, labels, utility = compared
    values = (-1 if measure.better == "lower" else 1) * by_fold(utility, labels)
    return measure, ranking(labels, values, held_out_per_train(board, labels, n_samples))


def _compared(board: Board) -> tuple[Measure, list[str], pd.DataFrame] | None:
    """Return the first measure with a direction, the generators complete in it, and their values by fold."""
    measure = first_measure(board)
    if measure is None:
        return None
    utility = board.rows.loc[board.rows["measure"] == measure.name, _COLUMNS]
    paired = [label for label in board.ranked if OTHER_FOLDS not in label]  # no two of the others share a fold
    labels = [label for label in paired if board.summary(label, measure.name).complete]
    return (measure, labels, utility) if min(by_fold(utility, labels).shape) > 1 else None


def _exposure(board: Board) -> pd.DataFrame:
    """Return the AUC of the strongest sound attack, less the luck of being the best, of each generator by fold."""
    found = strongest_attack(board.rows, attacks=sound_attacks(board.rows))
    chosen = with_labels(strongest_by_fold(board.rows, found))
    return chosen.loc[chosen["value"].notna(), _COLUMNS]


def _paired_table(board: Board, measure: Measure, labels: list[str], values: Floats, n_samples: int) -> Table:
    sign = -1 if measure.better == "lower" else 1
    top = int(np.argmax(sign * values.mean(axis=1)))
    share = held_out_per_train(board, labels, n_samples)
    places = ranks(sign * resampled_means(values))
    means = [_interval(corrected_interval(row, share)) for row in values]
    against = [
        [ABSENT] * 3 if i == top else _against_best(row - values[top], share, measure) for i, row in enumerate(values)
    ]
    rows = zip(labels, means, against, places.T, strict=True)
    body = [[board.head(label), mean, *others, *_rank_cells(own)] for label, mean, others, own in rows]
    pairs = len(labels) * (len(labels) - 1) // 2
    told = int((ranking(labels, sign * values, share).p_values < 0.05).sum()) // 2
    note = prose(
        f"{{}}, 95 % intervals over {values.shape[1]} folds; corrected for the overlap of training sets (Nadeau and "
        "Bengio 2003). Difference: to the best mean, fold by fold, not corrected for the number of comparisons; when "
        f"it is (Holm), {told} of all {pairs} pairs {'is' if told == 1 else 'are'} told apart. {{}}: probability that "
        f"it is {_as_good(measure)} (Bayesian correlated t test, flat prior, Corani and Benavoli 2015). Rank: 95 % "
        f"range over {RESAMPLES:,} resamples of the folds; {{}}: in which share of them. Folds are few and overlap, "
        "and the best is chosen on the same folds: both ranges are too narrow.",
        *(code(measure.name), italic("As good"), italic("first")),
    )
    head = [*words("generator"), *numbers("mean", "difference to the best"), *words("told apart")]
    head += numbers("as good", "rank", "first")
    return board.table("Paired comparison", note, head, body)


def _rank_cells(places: Floats) -> list[Cell]:
    """Return the range of a generator's rank over resamples, and in which share of them it is first."""
    low, high = np.quantile(places, [0.025, 0.975])
    return [Cell(f"{low:.0f} to {high:.0f}", float(low)), figure((places == 1).mean(), ".2f")]


def _against_best(differences: Floats, share: float, measure: Measure) -> list[Cell]:
    """Return the difference, whether it is told apart from none, and how probable it is that it does not matter."""
    found = corrected_interval(differences, share)
    known = posterior(-differences if measure.better == "lower" else differences, share, _rope(measure))
    return [
        _interval(found, signed=True),
        Cell("yes" if found.excludes_zero else "no"),
        figure(known.same + known.better, ".2f"),
    ]


def _rope(measure: Measure) -> float:
    """Return the difference that is of no practical account: of shares one point, of other measures none is known."""
    return ROPE if measure.low >= 0 and measure.high <= 1 else 0.0


def _as_good(measure: Measure) -> str:
    rope = _rope(measure)
    return f"worse by less than {rope:g}" if rope else "no worse"


def held_out_per_train(board: Board, labels: list[str], n_samples: int) -> float:
    """Return how many people are held out for each one trained on, as the rows' own description says.

    Rows of an earlier version do not say it: there from the size of most releases, controls aside; 1/4 without them.
    The median, because a release made elsewhere may have any number of rows, and none as large as the cohort counts.
    """
    if board.people:
        trained_on, held_out = board.people
        return held_out / trained_on
    trained = [board.summary(label, "n_synthetic").mean for label in labels if label not in board.controls]
    usual = [n for n in trained if n < n_samples]  # NaN is no such
    return n_samples / float(np.median(usual)) - 1 if usual else 0.25


def _interval(found: Interval, signed: bool = False) -> Cell:
    sign = "+" if signed else ""
    ends = "" if math.isnan(found.low) else f" [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"
    return Cell(f"{found.mean:{sign}.3f}{ends}", found.mean)


def _front_table(board: Board, measure: Measure, labels: list[str], both: pd.DataFrame) -> Table:
    good = by_fold(both[_COLUMNS], labels)
    leak = by_fold(both.assign(value=both["value_exposure"])[_COLUMNS], labels)
    sign = -1 if measure.better == "lower" else 1
    values = np.stack([sign * good, -leak], axis=2)  # (n_labels, n_folds, 2), larger is better
    now = on_front(_no_better_than_chance(values.mean(axis=1)))
    often = on_front(_no_better_than_chance(resampled_means(values))).mean(axis=0)
    body = [
        [board.head(label), figure(g, ".3f"), figure(a, ".3f"), "yes" if here else "no", figure(share, ".2f")]
        for label, g, a, here, share in zip(labels, good.mean(axis=1), leak.mean(axis=1), now, often, strict=True)
    ]
    note = prose(
        "{} against the AUC of the strongest attack, less the luck of being the best. On the front: no other generator "
        "is at least as good in both. {}: in which share of the resamples of the folds. An attack that finds nothing "
        "proves nothing, so that the front is of known exposure; an AUC below 0.5 counts as 0.5.",
        *(code(measure.name), italic("How often")),
    )
    head = [*words("generator"), *numbers(measure.title or measure.name), *numbers("AUC", better="lower")]
    head += [*words("on the front"), *numbers("how often")]
    return board.table("Front of utility and exposure", note, head, body)


def _no_better_than_chance(means: Floats) -> Floats:
    """Return (..., 2) means of utility and minus AUC, none with an AUC below 0.5: that is luck, not privacy."""
    found: Floats = np.stack([means[..., 0], np.minimum(means[..., 1], -0.5)], axis=-1)
    return found


def _scaled_table(board: Board) -> Iterator[Block]:
    controls = [label for label in board.labels if label in board.controls]
    shown = [m for table in in_tables(board).values() for m in table if m.better != "none" and m.target is None]
    means = {m.name: [board.summary(label, m.name).mean for label in controls] for m in shown}
    usable = [m for m in shown if not math.isnan(control_scaled(0.0, means[m.name], m.better == "higher"))]
    if not usable:
        return
    note = "Means between the controls: 0 is the worst control, 1 the best; beyond them is possible."
    n = -(-len(usable) // _WIDEST)
    for i in range(n):
        part = usable[i * len(usable) // n : (i + 1) * len(usable) // n]
        body = [
            [board.head(label), *(_scaled(board.summary(label, m.name).mean, means[m.name], m) for m in part)]
            for label in board.ranked
        ]
        title = "On the scale of the controls" + (f" ({i + 1} of {n})" if n > 1 else "")
        yield board.table(title, note, [*words("generator"), *numbers(*(m.head for m in part))], body)


def _scaled(mean: float, controls: list[float], measure: Measure) -> Cell:
    value = control_scaled(mean, controls, measure.better == "higher")
    return ABSENT if math.isnan(value) else figure(value, ".2f")


# -- published versus ours ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """One published number, under the names that our rows use.

    Parameters
    ----------
    source, url : who published it and where
    seed : the split seed of the folds it is about; None if the source names none
    dataset, generator, params, measure, attack : as in the rows; params are those that the source names, and the
        generator is empty for what the real data of a fold give, whichever the generator
    text : the value with the digits of the source
    """

    source: str
    url: str
    seed: int | None
    dataset: str
    generator: str
    params: str
    measure: str
    attack: str
    text: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)


def published_numbers() -> list[Published]:
    """Return every published number that the package ships (``bench/published.csv``)."""
    with resources.files("bench.report").joinpath("published.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    names = ("dataset", "generator", "params", "measure", "attack", "value")
    return [
        Published(line["source"], line["url"], int(line["seed"]) if line["seed"] else None, *(line[n] for n in names))
        for line in lines
    ]


def published_table(board: Board, dataset: str) -> Iterator[Block]:
    """Yield the section *published versus ours*; nothing if our rows hold none of the published numbers."""
    pairs = list(_pairs(board, dataset))
    if not pairs:
        return
    body = [_published_line(board, label, theirs) for label, theirs in pairs]
    note = prose(
        "Difference = ours - published. A source that names the seed of its folds is compared with our rows of that "
        "seed; {} means that it names none, or one that was not run here.",
        italic("other folds"),
    )
    if board.simulated:
        note = (
            "The published numbers are on the real cohort and ours are on SIMULATED data, so that a difference is "
            "expected and agreement proves nothing. " + note
        )
    urls = {theirs.source: theirs.url for _, theirs in pairs}
    head = [*words("generator", "measure"), *numbers("published", "ours", "difference"), *words("ours on", "source")]
    yield Heading("Published versus ours")
    yield board.table("Published versus ours", note, head, body)
    yield Bullets(tuple(f"{source}: {url}" for source, url in sorted(urls.items())))


def _pairs(board: Board, dataset: str) -> Iterator[tuple[str, Published]]:
    """Yield what can be compared: by generator as on the board, then by measure, then by source."""
    numbers = [theirs for theirs in published_numbers() if theirs.dataset == dataset]
    place = {name: (m.table == "", m.table != "utility", m.rank) for name, m in board.measures.items()}
    numbers.sort(key=lambda p: (p.attack, place.get(p.measure, (True, True, 0)), p.measure, p.seed is None, p.source))
    known = plugins("generator")
    columns = board.rows[["label", "generator", "params"]].drop_duplicates().itertuples(index=False)
    ours = {label: _settings(generator, params, known) for label, generator, params in columns}
    for theirs in (theirs for theirs in numbers if not theirs.generator):
        yield from [(label, theirs) for label in board.ranked if _held(board, label, theirs)][:1]
    for label in board.labels:
        for theirs in numbers:
            if ours[label] == _settings(theirs.generator, theirs.params, known) and _held(board, label, theirs):
                yield label, theirs


def _held(board: Board, label: str, theirs: Published) -> bool:
    return (label, theirs.measure, theirs.attack) in board.summaries


def _published_line(board: Board, label: str, theirs: Published) -> list[Content]:
    summary, where = _ours(board, label, theirs)
    digits = len(theirs.text.partition(".")[2])
    needed = 3 if theirs.attack else decimals_for([summary], board.measures.get(theirs.measure))
    decimals = max(min(digits, 4), needed)
    difference = figure(round(summary.mean - theirs.value, decimals) + 0, f"+.{decimals}f") if summary.n_ok else ""
    measure = f"{theirs.attack}: {theirs.measure}" if theirs.attack else theirs.measure
    head = board.head(label) if theirs.generator else Cell("real data", generator=True)
    published = Cell(theirs.text, theirs.value)
    return [head, code(measure), published, number(summary, decimals), difference, where, theirs.source]


def _ours(board: Board, label: str, theirs: Published) -> tuple[Summary, str]:
    """Return our number on the folds of the source, or else on all of ours, and which those are."""
    if theirs.seed is not None and len(part := board.rows_of(label, theirs.measure, theirs.attack, theirs.seed)):
        found = summarise(part, ["label", "measure", "attack"])
        return found[label, theirs.measure, theirs.attack], coverage(part)
    return board.summary(label, theirs.measure, theirs.attack), "other folds"


def _settings(generator: str, params: str, known: Mapping[str, PluginInfo]) -> tuple[str, Any]:
    """Return a generator's name and all its hyper-parameters, so that none written equals the default written.

    Rows may be about a generator that is not installed here, or had other parameters then: their text says it all.
    """
    try:
        return generator, all_params(known[generator], params) if generator in known else params
    except PluginError:
        return generator, params
