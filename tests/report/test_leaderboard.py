"""The pages made from rows: numbers, wording, order, what is missing, and when a page is stale."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from report_rows import interval_of
from scipy.stats import norm

from bench.cli.report import command
from bench.core.errors import StoreError
from bench.engine.results import delta_warning
from bench.registry.declarations import Measure
from bench.registry.finding import plugins
from bench.report.board import Summary, board_of, decimals_for, make_board, number, runs_of, summarise
from bench.report.comparison import published_numbers, published_table
from bench.report.leaderboard import front_blocks, leaderboard_blocks, page_of, rows_files, stale, write_leaderboard
from bench.report.measures import leaders
from bench.report.privacy import judged, leak_p_values
from bench.report.summary import findings
from bench.report.table import Cell, markdown
from bench.store.rows import read_rows, table, write_rows

ACCURACY = {
    "multivariate": 0.85,
    "smote": 0.80,
    "copy_train": 0.90,
    "real_holdout": 0.70,
    "shuffled_genes": 0.30,
    "noise": 0.20,
}


def row(generator: str, measure: str, value: float, *, fold: int = 1, seed: int = 42, **others: Any) -> dict[str, Any]:
    known = {"family": "utility", "attack": "", "params": "", "status": "ok", "reason": ""}
    named = {"dataset": "brca", "fold": fold, "seed": seed, "generator": generator, "measure": measure, "value": value}
    ends = {"low": math.nan, "high": math.nan, **interval_of(measure, value)}
    return {**known, **named, **ends, "wall_s": 0.1, "peak_mb": 1.0, "key": "k", **others}


def lost(generator: str, measure: str, status: str, reason: str, **others: Any) -> dict[str, Any]:
    return row(generator, measure, math.nan, status=status, reason=reason, **others)


def accuracies(names: dict[str, float], folds: int = 2) -> list[dict[str, Any]]:
    return [
        row(name, "accuracy_synthetic", value + 0.01 * (fold - 1), fold=fold)
        for name, value in names.items()
        for fold in range(1, folds + 1)
    ]


def facts(simulated: bool = False) -> dict[str, Any]:
    data = {"classes": {"a": 60, "b": 40}, "digest": "0123456789abcdef" * 4, "genes": 978, "name": "brca"}
    more = {"samples": 100, "simulated": simulated, "source": "two files", "title": "a cohort"}
    machine = {"cpus": 4, "system": "Linux", "threads_per_task": 2}
    start = {"bench": "0.1.0", "command": "bench run", "created": "2026-11-21T01:00:00+00:00", "machine": machine}
    return {**start, "data": data | more, "versions": {"python": "3.11.7", "numpy": "2.4.6"}}


def page(rows: list[dict[str, Any]], simulated: bool = False) -> str:
    return markdown(leaderboard_blocks(board_of(table(rows), facts(simulated)), facts(simulated)))


def first_page(rows: list[dict[str, Any]], simulated: bool = False) -> str:
    """The page that is read first, without a picture."""
    board, about = make_board(table(rows), simulated=simulated), facts(simulated)
    return markdown(front_blocks(board, findings(board, None, about["data"]["samples"]), about))


def cells(text: str, start: str) -> list[str]:
    """The cells of the first line of a page that starts so."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_a_summary_is_mean_and_sample_sd_over_folds_and_seeds() -> None:
    rows = table(row("a", "m", value, fold=i % 2, seed=i // 2) for i, value in enumerate([1.0, 2.0, 3.0, 6.0]))
    assert summarise(rows, ["generator", "measure"]) == {("a", "m"): Summary(3.0, math.sqrt(14 / 3), 4, 4)}


@pytest.mark.parametrize("status", ["failed", "timeout", "skipped", "missing"])
def test_what_did_not_end_well_is_planned_but_not_in_the_mean(status: str) -> None:
    rows = table([row("a", "m", 1.0, fold=1), row("a", "m", 3.0, fold=2), lost("a", "m", status, "why", fold=3)])
    summary = summarise(rows, ["generator"])[("a",)]
    assert (summary.mean, summary.n_ok, summary.n_planned, summary.complete) == (2.0, 2, 3, False)


def test_a_measure_that_is_not_defined_counts_as_missing() -> None:
    rows = table([row("a", "m", 1.0, fold=1), row("a", "m", math.nan, fold=2)])
    assert summarise(rows, ["generator"])[("a",)].n_ok == 1


def test_a_mean_over_surviving_folds_says_so() -> None:
    assert number(Summary(0.84, 0.01, 4, 5), 2).text == "0.84 ± 0.01 (4/5)"
    assert number(Summary(0.84, 0.01, 5, 5), 2).text == "0.84 ± 0.01"
    assert number(Summary(math.nan, math.nan, 0, 5), 2).text == "none (0/5)"
    assert number(Summary(math.nan, math.nan, 0, 0), 2).text == "-"


def test_a_single_fold_has_no_sd_and_zero_no_sign() -> None:
    assert number(Summary(0.84, math.nan, 1, 1), 3).text == "0.840"
    assert number(Summary(-0.00001, 0.0002, 5, 5), 3).text == "0.000 ± 0.000"


@pytest.mark.parametrize(("value", "decimals"), [(0.018, 4), (0.4, 3), (5.43, 3), (28.53, 2), (281.0, 1), (1e6, 1)])
def test_decimals_follow_the_typical_size_of_a_column(value: float, decimals: int) -> None:
    assert decimals_for([Summary(value, 0.0, 5, 5)]) == decimals


def test_shares_have_three_decimals_however_small() -> None:
    assert decimals_for([Summary(0.0004, 0.0, 5, 5)], Measure("share", low=0, high=1)) == 3


def test_fold_numbers_are_written_as_runs() -> None:
    assert runs_of([3, 1, 2, 5, 5]) == "1-3, 5"


# -- order, controls and bold ------------------------------------------------------------------------------------------


def test_controls_bracket_the_generators_and_the_best_comes_first() -> None:
    board = make_board(table(accuracies(ACCURACY)), simulated=False)
    assert board.labels == ("copy_train", "real_holdout", "multivariate", "smote", "shuffled_genes", "noise")
    assert board.ranked == ["multivariate", "smote"]


def test_controls_are_in_italics_and_never_bold() -> None:
    text = page(accuracies(ACCURACY))
    assert cells(text, "*copy_train* (control)")[1] == "0.905 ± 0.007"
    assert cells(text, "`multivariate`")[1] == "**0.855 ± 0.007**"
    assert cells(text, "`smote`")[1] == "0.805 ± 0.007"


def test_an_incomplete_generator_stands_after_the_complete_ones_and_is_not_bold() -> None:
    rows = [*accuracies({"multivariate": 0.5, "smote": 0.4, "cvae": 0.99})]
    rows[-1] = lost("cvae", "accuracy_synthetic", "failed", "loss is NaN", fold=2)
    text = page(rows)
    assert make_board(table(rows), simulated=False).labels == ("multivariate", "smote", "cvae")
    assert cells(text, "`cvae`")[1:] == ["0.990 (1/2)", "1 / 2"]


def test_the_closest_to_its_target_is_the_best_and_not_the_largest() -> None:
    found = {"a": Summary(11.2, 0.8, 5, 5), "b": Summary(1.1, 0.2, 5, 5), "c": Summary(0.8, 0.1, 5, 5)}
    density = next(m for info in plugins("metric").values() for m in info.measures if m.name == "prdc_density_holdout")
    assert leaders(found, density) == {"b", "c"}  # 0.1 and 0.2 away from 1
    text = page([row(g, "prdc_density_holdout", s.mean, fold=f) for g, s in found.items() for f in (1, 2)])
    assert "density holdout → 1" in text
    assert cells(text, "`a`")[1] == "11.200 ± 0.000"
    assert cells(text, "`b`")[1] == "**1.100 ± 0.000**"


def test_what_is_no_better_than_knowing_nothing_is_never_bold() -> None:
    gain = Measure("m", "higher", chance=0)
    found = {"a": Summary(-0.01, 0.02, 5, 5), "b": Summary(0.01, 0.02, 5, 5)}
    assert leaders(found, gain) == {"a", "b"}
    assert leaders(found, gain, gain.merit(0)) == {"b"}
    rows = [row(g, "mmd", 0.0, fold=f) for g in ("multivariate", "smote", "noise") for f in (1, 2)]
    assert "**0.0" not in page(rows)  # a kernel too narrow for the units: noise has a distance of 0, too
    text = page([row(g, "augmentation_gain_10", v, fold=f) for g, v in (("a", -0.1), ("b", -0.2)) for f in (1, 2)])
    assert "**-0.1" not in text


def test_everybody_within_one_sd_of_the_best_is_bold_in_the_declared_direction() -> None:
    found = {"a": Summary(0.80, 0.02, 5, 5), "b": Summary(0.79, 0.5, 5, 5), "c": Summary(0.77, 0.5, 5, 5)}
    assert leaders(found, Measure("m", "higher")) == {"a", "b"}
    assert leaders(found, Measure("m", "lower")) == {"a", "b", "c"}
    assert leaders(found, Measure("m", "none")) == set()


def test_one_generator_alone_is_not_the_best_of_anything() -> None:
    assert leaders({"a": Summary(0.8, 0.1, 5, 5), "b": Summary(0.9, 0.1, 4, 5)}, Measure("m", "higher")) == set()


def test_generators_that_differ_in_parameters_have_lines_of_their_own() -> None:
    rows = [*accuracies({"multivariate": 0.8}), row("multivariate", "accuracy_synthetic", 0.7, params="noise=1.0")]
    assert cells(page(rows), "`multivariate[noise=1.0]`")[1] == "0.700"


def test_generators_on_other_folds_than_the_rest_are_named() -> None:
    rows = [*accuracies({"multivariate": 0.8}), row("smote", "accuracy_synthetic", 0.7, seed=7)]
    text = first_page(rows)
    assert "NOT THE SAME for all generators" in text
    assert "`smote` on seed 7: fold 1" in text
    assert "**Folds:** seed 42: folds 1-2\n" in first_page(accuracies({"multivariate": 0.8}))


def test_measures_show_their_direction_and_their_name_in_the_rows() -> None:
    text = page([*accuracies({"multivariate": 0.8}), row("multivariate", "mmd", 0.018)])
    mmd = next(m for info in plugins("metric").values() for m in info.measures if m.name == "mmd")
    assert f" {mmd.title or mmd.name} ↓ |" in text
    assert "`mmd`" in text


# -- attacks and claims ------------------------------------------------------------------------------------------------


def attack(name: str, auc: float, **others: Any) -> list[dict[str, Any]]:
    values = {"auc": auc, "tpr_at_fpr_01": auc / 10, "tpr_at_fpr_01_official": 0.999, "ties": 0.25}
    whom = others.pop("generator", "smote")
    return [row(whom, m, v, family="privacy", attack=name, **others) for m, v in values.items()]


def test_the_strongest_attack_has_the_largest_mean_and_is_never_an_official_one() -> None:
    # by hand: means of 0.70 and 0.773, sd of a mean 0.04 / 1.96 / sqrt(3) = 0.0118; 0.073 is above 2 * sqrt(2) of it
    aucs = {"mc": (0.60, 0.80, 0.70), "gan_leaks": (0.95, 0.65, 0.72), "mc_official": (0.99, 0.99, 0.99)}
    rows = [r for name, line in aucs.items() for k, auc in enumerate(line, 1) for r in attack(name, auc, fold=k)]
    rows += [
        row("smote", m, v, family="privacy", attack="gan_leaks", fold=1, low=v - 0.1, high=v + 0.1)
        for m, v in (("auc_easiest_class", 0.9), ("auc_outliers", 0.8))
    ]
    found = cells(page(rows).split("Strongest attack on each generator.**")[1], "`smote`")[1:]
    assert found[:4] == ["`gan_leaks`", "black-box", "0.773 ± 0.157", "[0.747, 0.800]"]
    assert found[4:6] == ["0.900", "0.800"]  # read on one fold, without interval
    assert found[6:] == ["`gan_leaks`", "0.061 ± 0.016", "-", "**< 0.001**"]  # mc, with 0.070, is a rival there


def test_one_fold_is_enough_and_its_luck_is_taken_off() -> None:
    # 0.04 / 1.96 = 0.0204 per attack; 0.05 apart is less than 2 * sqrt(2) of it: two rivals, median of their largest 0.545
    text = page([*attack("mc", 0.65), *attack("gan_leaks", 0.7)])
    found = cells(text.split("Strongest attack on each generator.**")[1], "`smote`")[1:5]
    assert found == ["`gan_leaks`", "black-box", "0.689", "[0.654, 0.746]"]


def test_what_is_below_guessing_is_never_best() -> None:
    rows = [r for fold in (1, 2, 3) for r in attack("mc", 0.495, fold=fold)]
    rows = [r | ({"value": 0.03} if r["measure"] == "tpr_at_fpr_01" else {}) for r in rows]  # chance 1/21
    text = page(rows)
    found = cells(text.split("Strongest attack on each generator.**")[1], "`smote`")[1:]
    assert found[:3] == ["`mc, reversed`", "black-box", "0.500 ± 0.000"]
    assert found[6:] == ["`mc`", "0.048 ± 0.000", "-", "1.000"]
    assert "Chance 0.0476 (20 non-members)" in text
    assert "**0.49" not in text


def test_a_release_that_keeps_away_from_its_people_leaks_and_its_low_value_is_bold() -> None:
    rows = [r for k in (1, 2, 3) for a, auc in (("mc", 0.003), ("gan_leaks", 0.5)) for r in attack(a, auc, fold=k)]
    text = page(rows)
    found = cells(text.split("Strongest attack on each generator.**")[1], "`smote`")[1:]
    assert found[:3] == ["`mc, reversed`", "black-box", "0.997 ± 0.000"]
    assert found[-1] == "**< 0.001**"
    side_by_side = text.split("**AUC, attacks side by side.**")[1]
    assert cells(side_by_side, "`smote`")[1:3] == ["0.500 ± 0.000", "**0.003 ± 0.000**"]


def test_only_attacks_above_chance_are_bold_and_equals_together() -> None:
    rows = [
        r for fold in (1, 2) for name, auc in (("mc", 0.9), ("gan_leaks", 0.9001)) for r in attack(name, auc, fold=fold)
    ]
    rows += [r for fold, auc in ((1, 0.4), (2, 0.61)) for r in attack("mc", auc, fold=fold, generator="noise")]
    rows += attack("mc", 0.9, generator="cvae")
    text = page(rows).split("**AUC, attacks side by side.**")[1]
    assert cells(text, "`smote`")[1:3] == ["**0.900 ± 0.000**", "**0.900 ± 0.000**"]
    assert cells(text, "*noise* (control)")[1:3] == ["-", "0.505 ± 0.148"]
    assert cells(text, "`cvae`")[1:3] == ["-", "**0.900**"]  # one fold has an interval of its own


def test_official_attacks_stand_apart_with_the_official_reading() -> None:
    text = page([*attack("mc", 0.6), *attack("mc_official", 0.9)])
    sound, official = text.split("**Official attacks.**")
    assert "0.900" not in sound
    assert "0.999" not in sound
    assert cells(official, "`smote`") == ["`smote`", "`mc_official`", "0.900", "-", "-", "0.999", "-", "0.250"]


def test_every_attack_says_what_it_sees_and_how_many_scores_are_tied() -> None:
    text = page([*attack("mc", 0.6), *attack("mc_official", 0.9)])
    assert cells(text.split("**The attacks.**")[1], "`mc_official`") == [
        "`mc_official`", "official", "black-box", "distance", "0.250 to 0.250", "1 / 1",
    ]  # fmt: skip


def test_an_attack_that_is_not_installed_here_is_shown_and_said_so() -> None:
    text = page(attack("elsewhere", 0.6))
    assert cells(text.split("**The attacks.**")[1], "`elsewhere`")[2] == "not installed here"


STATED = {
    "delta": 1e-5, "mechanism": "Gaussian", "unit": "one sample", "neighbours": "add-remove", "accountant": "PLD",
    "outside": '["bin means"]',
}  # fmt: skip
CLAIM = "Gaussian; protects one sample, add-remove; delta 1e-05; PLD; not end to end; outside the budget: bin means"


def test_a_claim_is_shown_with_delta_and_what_is_outside_the_budget() -> None:
    rows = [
        row("private_pgm", "epsilon", 4.0, family="claim", **STATED),
        row("private_pgm", "epsilon", 5.0, family="claim", **STATED, fold=2),
        row("multivariate", "epsilon", math.nan, family="claim", reason="claims nothing"),
    ]
    text = page(rows)
    assert cells(text, "`private_pgm`") == [
        "`private_pgm`",
        "5",
        "1e-05",
        "0.786",
        "-",
        "no",
        "-",
        "not audited",
        CLAIM,
    ]
    assert "Claim nothing: `multivariate`." in text
    assert "None: every planned number exists" in text  # to claim nothing is no failure


def test_a_claim_with_a_delta_that_protects_nobody_gets_one_warning() -> None:
    warnings = [delta_warning(0.01, n) for n in (871, 872)]
    rows = [
        row("private_pgm", "epsilon", 4.0, family="claim", **{**STATED, "delta": 0.01}, fold=fold, reason=reason)
        for fold, reason in enumerate(warnings, start=1)
    ]
    warned = [line for line in page(rows).splitlines() if line.startswith("**Warning**")]
    assert warned == [
        "**Warning**: `private_pgm`: delta 0.01 is above 1/872: to publish one of the 872 people as they are would meet "
        "this claim."
    ]
    assert "Warning" not in page([row("private_pgm", "epsilon", 4.0, family="claim", **STATED)])


def test_the_page_says_what_no_attack_can_exclude() -> None:
    text = page(attack("mc", 0.6))
    assert "Tests from outside cannot exclude that the values hide something else" in text


def test_a_generator_that_failed_everywhere_is_not_said_to_claim_nothing() -> None:
    text = page([lost("dp_cvae", "epsilon", "failed", "out of memory", family="claim")])
    assert "Claim nothing" not in text


# -- failures ----------------------------------------------------------------------------------------------------------


def test_every_failure_is_listed_with_its_fold_and_reason() -> None:
    rows = [
        *accuracies({"multivariate": 0.8}),
        lost("cvae", "wall_s", "failed", "loss | is <NaN>", family="cost", fold=3),
        lost("cvae", "accuracy_synthetic", "skipped", "no sample", fold=3),
        lost("smote", "auc", "timeout", "stopped after 9 s", family="privacy", attack="mc"),
        row("noise", "accuracy_synthetic", math.nan),
    ]
    text = page(rows).split("## Failures")[1]
    assert "4 of 6 planned numbers do not exist" in text
    assert re.search(r"\| `cvae` +\| seed 42: fold 3 \| the sample itself +\| failed +\| loss \\\| is &lt;NaN> ", text)
    assert cells(text, "`smote`")[1:] == ["seed 42: fold 1", "attack mc", "timeout", "stopped after 9 s"]
    what, status, reason = cells(text, "*noise* (control)")[2:]
    assert (what, status) == ("measure accuracy_synthetic; metric tstr", "undefined")
    assert reason.startswith("undefined without a synthetic sample; AUROC")


def test_text_from_a_plugin_cannot_break_the_table() -> None:
    assert Cell("a|b\n<script> *x* `y`").markdown() == "a\\|b &lt;script> \\*x\\* \\`y\\`"


# -- simulated data ----------------------------------------------------------------------------------------------------


def test_simulated_data_are_named_in_the_title_a_banner_and_every_caption() -> None:
    rows = [*accuracies(ACCURACY), *attack("mc", 0.6), *attack("mc_official", 0.6)]
    rows += [row("multivariate", "wall_s", 1.0, family="cost"), lost("cvae", "mmd", "failed", "no")]
    text = first_page(rows, simulated=True) + page(rows, simulated=True)
    captions = [line for line in text.splitlines() if line.startswith("**")]
    assert text.splitlines()[0].endswith("(`brca`, simulated)")
    assert "> ## ⚠ SIMULATED DATA" in text
    assert len(captions) == 14  # the last says how many numbers are missing
    assert all("SIMULATED data.**" in caption for caption in captions if "planned numbers" not in caption)
    assert "so that a difference is expected" in text
    assert "simulated" not in (first_page(rows) + page(rows)).lower()


# -- published numbers -------------------------------------------------------------------------------------------------


def published(rows: list[dict[str, Any]], dataset: str = "brca") -> str:
    return markdown(published_table(make_board(table(rows), simulated=False), dataset))


def test_published_numbers_are_compared_on_the_seed_of_their_folds() -> None:
    rows = [row("multivariate", "accuracy_synthetic", value, seed=seed) for seed, value in ((42, 0.85), (7, 0.5))]
    line = next(line for line in published(rows).splitlines() if "starter package 2025" in line)
    found = [cell.strip() for cell in line.strip("|").split("|")]
    assert found[1:6] == ["`accuracy_synthetic`", "0.8476", "0.8500", "+0.0024", "seed 42: fold 1"]


def test_without_that_seed_the_comparison_is_marked_as_on_other_folds() -> None:
    lines = published([row("multivariate", "accuracy_synthetic", 0.85, seed=7)]).splitlines()
    assert all("other folds" in line for line in lines if line.startswith("| `multivariate`"))


def test_official_attacks_meet_the_published_attacks() -> None:
    text = published([row("multivariate", "auc", 0.53, family="privacy", attack="gan_leaks_official")])
    assert "`gan_leaks_official: auc`" in text
    assert "0.524526" in text


def test_parameters_must_agree_and_a_default_counts_as_named() -> None:
    same = row("multivariate", "mmd", 0.018)
    other = row("multivariate", "mmd", 0.018, params="noise=1.0")
    assert "`multivariate`" in published([same])
    assert published([other]) == ""
    assert "`multivariate[noise=0.5]`" in published([row("multivariate", "mmd", 0.018, params="noise=0.5")])
    assert published([row("multivariate", "mmd", 0.018, params="loudness=1")]) == ""  # of another version
    assert published([row("not_installed", "mmd", 0.018, params="noise=0.5")]) == ""


def test_what_real_data_give_is_compared_once_and_not_with_a_control() -> None:
    text = published([row(name, "accuracy_real", 0.86) for name in ("multivariate", "smote", "real_holdout")])
    assert text.count("| real data") == 1
    assert published([row("real_holdout", "accuracy_real", 0.86)]) == ""


def test_a_published_method_that_failed_here_is_shown_as_missing() -> None:
    text = published([lost("multivariate", "mmd", "failed", "no")])
    assert "none (0/1)" in text


def test_a_dataset_without_published_numbers_has_no_such_table() -> None:
    assert published([row("multivariate", "mmd", 0.018)], dataset="mirna12") == ""


def test_the_published_file_holds_the_known_values_under_the_names_of_our_rows() -> None:
    numbers = published_numbers()
    keys = [(p.source, p.dataset, p.generator, p.params, p.measure, p.attack) for p in numbers]
    found = dict(zip(keys, (p.value for p in numbers), strict=True))
    starter, paper = "starter package 2025", "starter package 2026"
    assert len(set(keys)) == len(keys)
    assert found[starter, "brca", "multivariate", "noise=0.5", "distance_to_closest", ""] == 28.5348
    assert found[starter, "combined", "cvae", "", "accuracy_synthetic", ""] == 0.9695
    assert found[starter, "brca", "", "", "distance_to_closest_real", ""] == 24.0435
    assert found[starter, "brca", "cvae", "", "auc", "gan_leaks_official"] == 0.723706
    assert found[paper, "brca", "", "", "accuracy_real_2026", ""] == 0.8485
    assert found[paper, "brca", "multivariate", "noise=0.5", "tpr_at_fpr_10_official", "gan_leaks"] == 0.1152
    assert all(p.url.startswith("https://") for p in numbers)


def test_published_measures_without_an_attack_are_those_of_a_metric_where_one_declares_them() -> None:
    declared = {m.name for info in plugins("metric").values() for m in info.measures}
    utility = {p.measure for p in published_numbers() if not p.attack}
    assert utility <= declared


# -- files and the check -----------------------------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_rows(tmp_path / "rows" / "brca.csv", table(accuracies(ACCURACY)), facts())
    return tmp_path


def test_rows_read_back_from_disk_give_the_same_page(results: Path) -> None:
    rows, about = read_rows(results / "rows" / "brca.csv")
    assert markdown(leaderboard_blocks(board_of(rows, about), about)) == page(accuracies(ACCURACY))


def test_a_page_is_stale_when_it_is_absent_or_its_rows_have_moved_on(results: Path) -> None:
    path = results / "rows" / "brca.csv"
    assert "does not exist" in str(stale(path))
    write_leaderboard(path)
    assert stale(path) is None
    write_rows(path, table(accuracies({**ACCURACY, "smote": 0.89})), facts())
    difference = str(stale(path))
    assert "+| `smote`" in difference
    assert "-| `smote`" in difference


def test_report_writes_pages_and_check_only_looks(results: Path) -> None:
    run = CliRunner()
    before = run.invoke(command, ["--out", str(results), "--check"])
    assert before.exit_code == 1
    assert "stale:" in before.output
    assert not page_of(results / "rows" / "brca.csv").exists()
    assert run.invoke(command, ["--out", str(results)]).exit_code == 0
    assert run.invoke(command, ["--out", str(results), "--check"]).exit_code == 0


def test_a_hand_edit_is_stale_and_so_is_a_page_whose_rows_are_gone(results: Path) -> None:
    page = write_leaderboard(results / "rows" / "brca.csv")
    page.with_name("old.md").write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    page.with_name("notes.md").write_text("# mine\n", encoding="utf-8")
    page.write_text(page.read_text(encoding="utf-8").replace("0.855", "0.955"), encoding="utf-8")
    result = CliRunner().invoke(command, ["--out", str(results), "--check"])
    assert result.exit_code == 1
    assert "0.955" in result.output
    assert "old.md has no rows behind it" in result.output
    assert "notes.md" not in result.output


def test_a_dataset_without_rows_is_an_error_that_names_what_is_there(results: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no rows of 'combined'.*it holds brca"):
        rows_files(results, ("combined",))
    with pytest.raises(StoreError, match="`bench run` writes them"):
        rows_files(tmp_path / "elsewhere")


def test_a_picture_beside_the_page_is_shown_with_a_text_for_those_who_cannot_see_it(results: Path) -> None:
    page = write_leaderboard(results / "rows" / "brca.csv")
    assert "brca_pca.png" not in page.read_text(encoding="utf-8")
    page.with_name("brca_pca.png").write_bytes(b"")
    write_leaderboard(results / "rows" / "brca.csv")
    assert "](../brca_pca.png)" in (page.parent / "brca/pictures.md").read_text(encoding="utf-8")
    assert "[Principal components](brca/pictures.md)" in page.read_text(encoding="utf-8")


def test_the_pages_of_sections_are_current_with_their_rows_and_go_with_them(results: Path) -> None:
    page = write_leaderboard(results / "rows" / "brca.csv")
    sections = sorted(path.stem for path in (page.parent / "brca").glob("*.md"))
    assert sections == ["comparison", "every-generator", "failures", "published", "utility"]
    links = re.findall(r"\]\((brca/[^)]+)\)", page.read_text(encoding="utf-8"))
    assert sorted(links) == [f"brca/{name}.md" for name in sections]
    utility = page.parent / "brca/utility.md"
    utility.write_text(utility.read_text(encoding="utf-8").replace("0.855", "0.955"), encoding="utf-8")
    assert "0.955" in str(stale(results / "rows" / "brca.csv"))
    utility.rename(utility.with_name("old.md"))
    assert "utility.md does not exist" in str(stale(results / "rows" / "brca.csv"))
    write_leaderboard(results / "rows" / "brca.csv")
    assert sorted(path.stem for path in (page.parent / "brca").glob("*.md")) == sections


def test_a_simulated_picture_is_called_so_in_caption_and_text() -> None:
    text = markdown(
        leaderboard_blocks(
            board_of(table(accuracies(ACCURACY)), facts(simulated=True)), facts(simulated=True), {"pca": Path("x.png")}
        )
    )
    section = text.split("## Principal components")[1]
    assert section.count("SIMULATED") == 2


def test_a_damaged_rows_file_is_a_clear_error(results: Path) -> None:
    path = results / "rows" / "brca.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("0.85,", "much,", 1), encoding="utf-8")
    with pytest.raises(StoreError, match="something else than a number"):
        read_rows(path)


def test_rows_keep_their_types_when_every_interval_is_empty(results: Path) -> None:
    rows, _ = read_rows(results / "rows" / "brca.csv")
    assert all(pd.api.types.is_float_dtype(rows[name]) for name in ("value", "low", "high", "wall_s", "peak_mb"))


def test_a_verdict_pays_for_signs_readings_and_generators_and_controls_pay_nothing() -> None:
    def reading(generator: str, measure: str, value: float) -> dict[str, Any]:
        ends = {"low": value - 0.04, "high": value + 0.04}
        return row(generator, measure, value, family="privacy", attack="mc", **ends)

    found = {"multivariate": 0.56, "smote": 0.57, "real_holdout": 0.57}
    rows = [reading(g, m, v) for g, auc in found.items() for m, v in (("auc", auc), ("auc_outliers", 0.5))]
    board = make_board(table(rows), simulated=False)
    p_values = leak_p_values(board, list(judged(board, 100).values()))
    alone = {g: 2 * norm.sf((auc - 0.5) / (0.04 / norm.ppf(0.975))) for g, auc in found.items()}  # of two signs
    readings = 2
    assert p_values["smote"] == pytest.approx(readings * alone["smote"] * 2)  # the smaller of two, after Holm
    assert p_values["multivariate"] == pytest.approx(readings * alone["multivariate"])
    assert p_values["real_holdout"] == pytest.approx(readings * alone["real_holdout"])
