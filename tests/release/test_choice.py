"""What a limit says of a generator, and what the folds cannot tell."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from report_rows import row
from runs import bench

from bench.core.errors import BenchError
from bench.release.choice import EPSILON, EXPOSURE, IN_PART, Candidate, Constraint, candidates, reasons, ties
from bench.release.evidence import exposure_if_any
from bench.store.rows import table, write_rows

FOLDS = range(1, 6)
GOOD, BAD = (0.80, 0.81, 0.82, 0.81, 0.80), (0.40, 0.41, 0.40, 0.42, 0.41)


def rows_of(generator: str, accuracy: tuple[float, ...], auc: float, epsilon: float | None, outside: str = "") -> list:
    """Return the rows of a generator on five folds: one measure, two attacks, one claim."""
    found = []
    for fold, value in zip(FOLDS, accuracy, strict=False):
        found.append(row(generator, "accuracy_synthetic", value, family="utility", fold=fold))
        for attack, reading in (("mc", 0.5), ("tracing", auc)):
            reach = {"low": reading - 0.03, "high": min(reading + 0.03, 1.0)}
            found.append(row(generator, "auc", reading, family="privacy", attack=attack, fold=fold, **reach))
        claim = {"delta": 1e-5, "mechanism": "m", "unit": "u", "neighbours": "replace-one", "accountant": "a"}
        value = math.nan if epsilon is None else epsilon
        found.append(row(generator, "epsilon", value, family="claim", fold=fold, outside=outside, **claim))
    return found


@pytest.fixture(scope="module")
def rows() -> object:
    return table(
        [
            *rows_of("private_pgm", GOOD, 0.58, 4.0),
            *rows_of("smote", GOOD, 0.95, None),
            *rows_of("p_nmf", BAD, 0.52, 4.0),
            *rows_of("dp_cvae", GOOD, 0.55, 4.0, outside='["scaling"]'),
            *rows_of("multivariate", GOOD[:1], 0.58, None),
            *rows_of("noise", GOOD, 0.5, None),
        ]
    )


def verdicts(rows: object, *constraints: Constraint) -> dict[str, str]:
    return {candidate.label: candidate.verdict for candidate in candidates(rows, constraints)}


def why(rows: object, label: str, *constraints: Constraint) -> list[str]:
    (mine,) = [candidate for candidate in candidates(rows, constraints) if candidate.label == label]
    return list(reasons(mine))


def test_a_limit_is_met_broken_or_open_by_its_whole_interval() -> None:
    most, least = Constraint("mmd", 0.5, False), Constraint("accuracy_synthetic", 0.5, True)
    assert [most.verdict(*ends) for ends in ((0.1, 0.5), (0.4, 0.6), (0.51, 0.6))] == ["met", "open", "broken"]
    assert [least.verdict(*ends) for ends in ((0.5, 0.6), (0.4, 0.6), (0.3, 0.49))] == ["met", "open", "broken"]
    assert most.verdict(math.nan, math.nan) == "open"


def test_a_measure_removes_who_breaks_it_and_controls_take_no_part(rows: object) -> None:
    found = verdicts(rows, Constraint("accuracy_synthetic", 0.7, True))
    assert found == {
        "dp_cvae": "met", "private_pgm": "met", "smote": "met", "multivariate": "open", "p_nmf": "broken",
    }  # fmt: skip
    assert list(found)[:3] == ["dp_cvae", "private_pgm", "smote"]
    (line,) = why(rows, "p_nmf", Constraint("accuracy_synthetic", 0.7, True))
    assert line == "accuracy_synthetic >= 0.7: not met; mean 0.408 on 5 folds, 95 % interval 0.392 to 0.424"
    (line,) = why(rows, "multivariate", Constraint("accuracy_synthetic", 0.7, True))
    assert line == ("accuracy_synthetic >= 0.7: cannot be told; mean 0.8 on 1 fold, which gives no interval")


def test_a_claim_counts_if_it_holds_end_to_end(rows: object) -> None:
    limit = Constraint(EPSILON, 4.0, False)
    found = verdicts(rows, limit)
    assert {label for label, verdict in found.items() if verdict == "met"} == {"private_pgm", "p_nmf"}
    assert why(rows, "dp_cvae", limit) == [
        "epsilon <= 4: claims 4 for a part of the steps; outside its budget: scaling"
    ]
    assert why(rows, "smote", limit) == ["epsilon <= 4: claims nothing"]
    assert verdicts(rows, Constraint(EPSILON, 3.9, False))["private_pgm"] == "broken"


def test_the_strongest_attack_decides_with_its_interval(rows: object) -> None:
    found = verdicts(rows, Constraint(EXPOSURE, 0.65, False))
    assert found["private_pgm"] == "met"
    assert found["smote"] == "broken"
    assert verdicts(rows, Constraint(EXPOSURE, 0.58, False))["private_pgm"] == "open"
    (line,) = why(rows, "smote", Constraint(EXPOSURE, 0.65, False))
    assert line.startswith(
        "exposure <= 0.65: not met; AUC 0.95 by tracing, the strongest of 2 attacks, on 5 folds, 95 % interval 0.935"
    )


def test_a_claim_that_is_too_large_says_what_it_claims_and_the_epsilon_can_be_asked_for(
    results: Path, rows: object
) -> None:
    assert why(rows, "private_pgm", Constraint(EPSILON, 1.0, False)) == ["epsilon <= 1: claims 4"]
    done = bench(results, "choose", "--dataset", "toy", "--epsilon", "1", "--at-least", "accuracy_synthetic=0.7")
    assert done.returncode == 1
    assert done.stdout.startswith("None of 5 generators is known to meet everything.\n")
    smaller = 'bench run --dataset toy --out results --generators "private_pgm[epsilon=1]"\n'  # p_nmf is of no use
    assert f"A smaller epsilon can be asked for:\n  {smaller}" in done.stdout


def test_who_is_removed_is_told_what_removed_it_and_nothing_else(rows: object) -> None:
    limits = Constraint("accuracy_synthetic", 0.7, True), Constraint(EPSILON, 4.0, False)
    assert why(rows, "multivariate", *limits) == ["epsilon <= 4: claims nothing"]  # one fold tells no more


def test_what_the_folds_cannot_tell_names_the_command_that_tells_more(results: Path) -> None:
    done = bench(results, "choose", "--dataset", "toy", "--exposure", "0.55", "--at-least", "accuracy_synthetic=0.7")
    assert done.returncode == 1
    more = 'bench run --dataset toy --out results --generators "dp_cvae,multivariate'
    assert f"More folds narrow the intervals:\n  {more}" in done.stdout  # multivariate has one
    done = bench(results, "choose", "--dataset", "toy", "--exposure", "0.52")
    assert "More seeds narrow the intervals:\n" in done.stdout
    assert done.stdout.endswith(" --seeds 42,43\n")
    done = bench(results, "choose", "--dataset", "toy", "--at-least", "accuracy_synthetic=0.99")
    assert "More folds" in done.stdout  # one fold never excludes anything


def test_ties_are_said_by_paired_folds_and_by_intervals_of_attacks(rows: object) -> None:
    limits = Constraint("accuracy_synthetic", 0.7, True), Constraint(EXPOSURE, 0.65, False)
    met = [candidate for candidate in candidates(rows, limits) if candidate.verdict == "met"]
    assert [candidate.label for candidate in met] == ["dp_cvae", "private_pgm"]
    assert list(ties(rows, met)) == [
        "By accuracy_synthetic dp_cvae is best (0.808); the folds cannot tell private_pgm from it.",
        "By exposure dp_cvae is best (0.55); the folds cannot tell private_pgm from it.",
    ]
    apart = [c for c in candidates(rows, limits[:1]) if c.label in ("private_pgm", "p_nmf")]
    assert list(ties(rows, apart)) == [
        "By accuracy_synthetic private_pgm is best (0.808); the folds tell it from the others."
    ]
    assert list(ties(rows, met[:1])) == []


def test_one_broken_limit_is_enough(rows: object) -> None:
    found = verdicts(rows, Constraint("accuracy_synthetic", 0.7, True), Constraint(EPSILON, 4.0, False))
    assert [label for label, verdict in found.items() if verdict == "met"] == ["private_pgm"]


def test_no_limit_and_an_unknown_measure_are_refused(rows: object) -> None:
    with pytest.raises(BenchError, match="nothing says what the release needs"):
        candidates(rows, [])
    with pytest.raises(BenchError, match=r"no measure 'acuracy_synthetic'\. Did you mean 'accuracy_synthetic'"):
        candidates(rows, [Constraint("acuracy_synthetic", 0.5, True)])


@pytest.fixture
def results(rows: object, tmp_path: Path) -> Path:
    (tmp_path / "results/rows").mkdir(parents=True)
    write_rows(tmp_path / "results/rows/toy.csv", rows, {"data": {"name": "toy", "simulated": False}})
    return tmp_path


def test_the_command_says_who_remains_and_how_to_go_on(results: Path) -> None:
    limits = ["--epsilon", "4", "--exposure", "0.65", "--at-least", "accuracy_synthetic=0.7"]
    done = bench(results, "choose", "--dataset", "toy", *limits)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "1 meets everything, as far as was measured:\n  private_pgm\n    epsilon <= 4: claims 4\n"
    )
    assert 'bench release --dataset toy --generator "private_pgm" --results results --out release' in done.stdout
    assert "With --hold-out 0.1 one person in ten is kept out" in done.stdout
    plain = json.loads(bench(results, "choose", "--dataset", "toy", *limits, "--json").stdout)
    assert [c["generator"] for c in plain if c["verdict"] == "met"] == ["private_pgm"]
    assert plain[0]["findings"][0] == {
        "constraint": "epsilon <= 4", "value": 4.0, "low": 4.0, "high": 4.0, "verdict": "met", "note": "", "folds": 0,
    }  # fmt: skip
    assert bench(results, "choose", "--dataset", "toy", "--epsilon", "1").returncode == 1


def test_a_claim_in_part_counts_where_that_is_asked_for_and_says_what_is_outside(results: Path, rows: object) -> None:
    done = bench(results, "choose", "--dataset", "toy", "--epsilon", "4", "--in-part")
    assert done.returncode == 0
    assert "epsilon, also in part <= 4: claims 4 for a part of the steps; outside its budget: scaling\n" in done.stdout
    assert verdicts(rows, Constraint(IN_PART, 3.9, False))["dp_cvae"] == "broken"
    hint = "Claims that leave steps outside their budget count with --in-part."
    assert hint not in done.stdout
    assert hint in bench(results, "choose", "--dataset", "toy", "--epsilon", "3").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "nothing says what the release needs; give a limit such as --epsilon 4 or --exposure 0.6."),
        ("--at-most mmd", "'mmd' is no limit; expected MEASURE=VALUE, such as mmd=0.004."),
        ("--at-least accuracy_synthetic=high", "'accuracy_synthetic=high' is no limit; expected MEASURE=VALUE"),
        ("--at-least acuracy_synthetic=0.5", "no measure 'acuracy_synthetic'. Did you mean 'accuracy_synthetic'"),
        ("--at-most mmd=nan", "'mmd=nan' is no limit; expected MEASURE=VALUE, such as mmd=0.004."),
        ("--at-least accuracy=0.5", "no measure 'accuracy'. Did you mean 'accuracy_synthetic'?"),
        ("--epsilon 0", "Invalid value for '--epsilon'"),
        ("--exposure 0.4", "Invalid value for '--exposure'"),
        ("--in-part --exposure 0.6", "--in-part says how --epsilon is read; give --epsilon too."),
        (
            "--epsilon 4 --dataset no_such",
            "there are no rows of 'no_such' in results/rows; it holds toy. `bench run` writes them.",
        ),
    ],
)
def test_what_nobody_can_choose_by_is_one_clear_sentence(results: Path, words: str, message: str) -> None:
    done = bench(results, "choose", "--dataset", "toy", *words.split())
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_attacks_that_all_failed_measured_nothing(rows: object) -> None:
    assert exposure_if_any(rows[rows["generator"] == "smote"], None)["strongest"]["attack"] == "tracing"
    assert exposure_if_any(rows.assign(status="failed"), None) is None


def test_a_candidate_without_findings_meets_everything() -> None:
    assert Candidate("a", ()).verdict == "met"
