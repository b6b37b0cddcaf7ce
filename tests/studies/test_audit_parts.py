"""Bounds among the people of one class and among outliers, and audits of every modality."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench import Cohort, DataError, Images, PluginError, Variants
from bench.cli import audit as module
from bench.core.records import Records
from bench.datasets import Dataset
from bench.statistics.exposure import outlying
from bench.studies.audit_parts import NO_PARTS, Who, bounds_of_parts, parts_of
from bench.studies.audit_reading import Trial, bounds
from bench.studies.audit_records import COLUMNS, read_audits
from bench.studies.suspects import suspects

SIZES = {"large": 300, "middle": 100, "small": 40, "tiny": 5}
LABELS = np.repeat(list(SIZES), list(SIZES.values()))


def told(label: str, seed: int, *, sign: int = 1) -> Trial:
    """A training whose release gives the people of one class away, and tells nothing of the others."""
    rng = np.random.default_rng(seed)
    inside = rng.random(len(LABELS)) < 0.5
    score = rng.normal(size=len(LABELS))
    theirs = np.where(inside, abs(score), -abs(score))  # no larger than others' scores, and in the right order
    return Trial(inside, {"a": rng.normal(size=len(LABELS)), "b": sign * np.where(label == LABELS, theirs, score)})


def classes() -> dict[str, np.ndarray]:
    return {label: label == LABELS for label in SIZES}


def test_the_class_that_is_given_away_is_named_and_bounds_more_than_everybody() -> None:
    trials = [told("small", seed) for seed in range(6)]
    found = bounds_of_parts(trials, Who(classes()), 1e-5)
    assert found.worst_class == "small"
    assert found.low_class > 2 > 2 * bounds(trials, 1e-5)[0].low
    assert math.isnan(found.low_outliers)


def test_a_part_is_read_with_the_sign_turned_around_too() -> None:
    trials = [told("small", seed, sign=-1) for seed in range(6)]
    assert bounds_of_parts(trials, Who(classes()), 1e-5).low_class > 2


def test_the_class_is_chosen_on_other_trainings_than_it_is_read_on() -> None:
    def also(trial: Trial, label: str, share: float, seed: int) -> Trial:
        """Let the same attack tell a class whose scores it knew nothing of, with so many right."""
        right = np.random.default_rng(seed).random(len(LABELS)) < share
        theirs = np.where(right == trial.inside, 1.0, -1.0) * abs(trial.scores["b"])
        return Trial(trial.inside, {"b": np.where(label == LABELS, theirs, trial.scores["b"])})

    first = [also(told("small", seed), "middle", 0.75, seed) for seed in range(3)]
    second = [also(told("tiny", seed), "middle", 1.0, seed) for seed in range(3, 6)]
    found = bounds_of_parts(first + second, Who(classes()), 1e-5)
    assert (found.worst_class, found.low_class) == ("small", 0.0)
    assert bounds_of_parts(first + second, Who({"middle": LABELS == "middle"}), 1e-5).low_class > 1


def test_a_class_of_few_people_has_no_bound() -> None:
    trials = [told("tiny", seed) for seed in range(4)]
    assert bounds_of_parts(trials, Who({"tiny": LABELS == "tiny"}, LABELS == "tiny"), 0.0) == NO_PARTS


def test_outliers_that_are_given_away_are_bounded_for_themselves() -> None:
    trials = [told("small", seed) for seed in range(6)]
    assert bounds_of_parts(trials, Who({}, LABELS == "small"), 1e-5).low_outliers > 2
    assert bounds_of_parts(trials, Who({}, LABELS == "large"), 1e-5).low_outliers < 0.5


def test_honest_parts_are_bounded_below_a_claim_as_often_as_stated() -> None:
    """Randomised response of each coin at epsilon 1: the class is chosen, and the bound holds for the chosen one."""
    exceeded = 0
    for seed in range(60):
        rng, trials = np.random.default_rng(seed), []
        for _ in range(2):
            inside = rng.random(len(LABELS)) < 0.5
            right = rng.random(len(LABELS)) < 1 / (1 + np.exp(-1.0))
            trials.append(Trial(inside, {"a": np.where(right, inside, ~inside) + rng.random(len(LABELS)) / 2}))
        exceeded += bounds_of_parts(trials, Who(classes()), 0.0).low_class > 1.0
    assert exceeded <= 0.025 * 60 + 3 * np.sqrt(0.025 * 0.975 * 60)


@pytest.mark.parametrize("coins", ["each", "pairs"])
def test_everybody_with_a_coin_has_a_class_and_canaries_have_none(toy_cohort: Cohort, coins: str) -> None:
    who = suspects(toy_cohort, 0, 1, coins=coins)  # type: ignore[arg-type]
    found = parts_of(who)
    assert sum(mask.sum() for mask in found.classes.values()) == who.n_coins
    everybody = who.joined()
    far = outlying(everybody.X, everybody.y)[len(who.always) :]
    assert found.outliers is not None
    expected = far if coins == "each" else far[: who.n_coins] | far[who.n_coins :]
    assert np.array_equal(found.outliers, expected)
    assert expected.any()
    assert parts_of(suspects(toy_cohort, 6, 1)).outliers is None


# -- every modality ----------------------------------------------------------------------------------------------------


def variants_of(n: int) -> Variants:
    calls = np.random.default_rng(0).integers(0, 2, (n, 2, 30)).astype(np.int8)
    sites = tuple(f"1:{100 + i}:A>C" for i in range(30))
    return Variants(calls=calls, y=np.resize(["a", "b"], n), sites=sites, samples=tuple(f"p{i}" for i in range(n)))


def images_of(n: int) -> Images:
    pixels = np.random.default_rng(0).integers(0, 255, (n, 4, 4, 1)).astype(np.uint8)
    return Images(pixels=pixels, y=np.resize(["a", "b"], n), samples=tuple(f"i{i}" for i in range(n)))


def audit(monkeypatch: pytest.MonkeyPatch, people: Records, out: Path, *words: str) -> tuple[int, str]:
    data = Dataset("toy", "Toy", "class", people, None, False, "made up")
    monkeypatch.setattr(module, "load_dataset", lambda name: data)
    claim = ["--epsilon", "1", "--delta", "1e-5", "--jobs", "1", "--executor", "serial", "--out", str(out)]
    done = CliRunner().invoke(module.command, [*words, *claim])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


@pytest.mark.parametrize("people", [variants_of(200), images_of(200)], ids=lambda people: people.modality)
def test_copies_are_refuted_in_every_modality(people: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = audit(monkeypatch, people, tmp_path, "copy_train", "--attacks", "gan_leaks", "--runs", "4")
    assert status == 3
    assert "among class" in said
    kept = read_audits(tmp_path / "audits/toy.csv")
    assert (kept["low_class"] > 0.5).all()
    assert kept["worst_class"].isin(["a", "b"]).all()


def test_a_released_classifier_is_audited_by_its_answers(
    toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said = audit(monkeypatch, toy_cohort, tmp_path, "logistic", "--attacks", "model_confidence")
    assert status in (0, 3)
    assert "by model_confidence" in said


def test_what_cannot_be_audited_is_one_clear_sentence(
    toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PluginError, match="dp_sites cannot be audited on expression: it serves variants"):
        audit(monkeypatch, toy_cohort, tmp_path, "dp_sites")
    with pytest.raises(DataError, match="canaries are made of genes, and the data are variants"):
        audit(monkeypatch, variants_of(60), tmp_path, "dp_sites", "--canaries", "1")
    with pytest.raises(PluginError, match="needs a sound attack on variants that sees the release alone"):
        audit(monkeypatch, variants_of(60), tmp_path, "dp_sites", "--attacks", "secmi")


def test_a_file_of_audits_without_parts_is_read(
    tmp_path: Path, toy_cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(monkeypatch, toy_cohort, tmp_path, "copy_train", "--attacks", "gan_leaks", "--runs", "4")
    path = tmp_path / "audits/toy.csv"
    read_audits(path).drop(columns=["p_value", "low_class", "worst_class", "low_outliers"]).to_csv(path, index=False)
    found = read_audits(path)
    assert list(found.columns) == COLUMNS
    assert found["low_class"].isna().all()
    assert (found["worst_class"] == "").all()
