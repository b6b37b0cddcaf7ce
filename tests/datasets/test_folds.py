from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from bench import Cohort, DataError
from bench.datasets import Dataset, load_dataset
from bench.datasets.folds import folds_that_fit, make_splits, read_splits, with_reference, write_splits

PUBLISHED_BRCA = [24.1871, 24.3844, 23.7678, 24.0923, 23.7860]  # mean distance of held-out to closest training sample


def _with_donors(cohort: Cohort, donors: list[str]) -> Cohort:
    return replace(cohort, donors=np.array(donors))


def test_every_sample_is_held_out_exactly_once(toy_cohort: Cohort) -> None:
    splits = make_splits(toy_cohort, seed=1)
    assert [split.fold for split in splits] == [1, 2, 3, 4, 5]
    assert sorted(name for split in splits for name in split.holdout.samples) == sorted(toy_cohort.samples)
    for split in splits:
        assert not set(split.train.samples) & set(split.holdout.samples)
        assert len(split.train) + len(split.holdout) == len(toy_cohort)


def test_every_fold_holds_out_each_class_in_proportion(toy_cohort: Cohort) -> None:
    for split in make_splits(toy_cohort, seed=1):
        assert np.unique(split.holdout.y, return_counts=True)[1].tolist() == [6, 4, 2]


def test_the_seed_names_the_folds(toy_cohort: Cohort) -> None:
    first, again, other = (
        [split.digest for split in make_splits(toy_cohort, seed=seed)] for seed in (1, 1, 2)
    )  # fmt: skip
    assert first == again
    assert not set(first) & set(other)


def test_one_sample_per_donor_gives_the_same_folds_as_no_donors(toy_cohort: Cohort) -> None:
    with_donors = _with_donors(toy_cohort, [f"person of {name}" for name in toy_cohort.samples])
    plain, grouped = make_splits(toy_cohort, seed=42), make_splits(with_donors, seed=42)
    assert [split.holdout.samples for split in plain] == [split.holdout.samples for split in grouped]


def test_all_samples_of_a_donor_go_to_the_same_side(toy_cohort: Cohort) -> None:
    donors = [""] * 60
    for label in toy_cohort.classes:  # pairs within a class
        for k, row in enumerate(np.flatnonzero(toy_cohort.y == label)):
            donors[row] = f"{label}{k // 2}"
    splits = make_splits(_with_donors(toy_cohort, donors), seed=3)
    for split in splits:
        assert split.train.donors is not None
        assert split.holdout.donors is not None
        assert not set(split.train.donors) & set(split.holdout.donors)
    assert sorted(name for split in splits for name in split.holdout.samples) == sorted(toy_cohort.samples)


def test_the_reference_travels_with_every_split(toy_cohort: Cohort) -> None:
    reference = toy_cohort.synthetic(toy_cohort.X[:4], ["unlabeled"] * 4)
    assert all(split.reference is reference for split in make_splits(toy_cohort, seed=1, reference=reference))


def test_a_reference_that_overlaps_the_cohort_is_refused(toy_cohort: Cohort) -> None:
    with pytest.raises(DataError, match=r"in both (train|holdout) and reference"):
        make_splits(toy_cohort, seed=1, reference=toy_cohort.take([0, 1]))


def test_a_class_smaller_than_the_number_of_folds_is_one_clear_error(toy_cohort: Cohort) -> None:
    rows = np.flatnonzero(toy_cohort.y != "c").tolist() + np.flatnonzero(toy_cohort.y == "c")[:3].tolist()
    with pytest.raises(DataError, match=r"class 'c' has 3 samples; 5 folds need at least 5.*Merge the class"):
        make_splits(toy_cohort.take(rows), seed=1)


def test_a_class_with_one_sample_is_one_clear_error(toy_cohort: Cohort) -> None:
    rows = np.flatnonzero(toy_cohort.y != "c").tolist() + np.flatnonzero(toy_cohort.y == "c")[:1].tolist()
    with pytest.raises(DataError, match=r"class 'c' has one sample only.*Merge the class with another or leave it out"):
        make_splits(toy_cohort.take(rows), seed=1)


def test_a_class_from_too_few_donors_is_one_clear_error(toy_cohort: Cohort) -> None:
    donors = [f"c{i % 3}" if label == "c" else f"p{i}" for i, label in enumerate(toy_cohort.y)]
    with pytest.raises(DataError, match=r"class 'c' has 3 donors; 5 folds need at least 5"):
        make_splits(_with_donors(toy_cohort, donors), seed=1)


def test_folds_follow_the_number_of_donors(toy_cohort: Cohort) -> None:
    donors = [f"{label}{i % (4 if label == 'c' else 9)}" for i, label in enumerate(toy_cohort.y)]
    cohort = _with_donors(toy_cohort, donors)
    splits = folds_that_fit(cohort, seed=1)
    assert [split.fold for split in splits] == [1, 2, 3, 4]
    assert cohort.donors is not None
    held = [set(split.holdout.donors.tolist()) for split in splits]  # type: ignore[union-attr]
    assert sum(len(who) for who in held) == len(set(donors)) == len(set.union(*held))
    assert all(set(split.train.classes) == set(split.holdout.classes) == {"a", "b", "c"} for split in splits)


def test_folds_follow_the_smallest_class_and_are_five_at_most(toy_cohort: Cohort) -> None:
    rows = np.flatnonzero(toy_cohort.y != "c").tolist() + np.flatnonzero(toy_cohort.y == "c")[:3].tolist()
    assert len(folds_that_fit(toy_cohort.take(rows), seed=1)) == 3
    fits = folds_that_fit(toy_cohort, seed=1)
    assert [split.digest for split in fits] == [split.digest for split in make_splits(toy_cohort, seed=1)]
    with pytest.raises(DataError, match=r"class 'c' has one sample only"):
        folds_that_fit(toy_cohort.take(rows[:-2]), seed=1)


def test_fewer_folds_are_tried_where_donors_carry_several_classes(toy_cohort: Cohort) -> None:
    donors = [f"c{i % 5}" if y == "c" or i % 14 == 0 else f"p{i % 7}" for i, y in enumerate(toy_cohort.y)]
    cohort = _with_donors(toy_cohort, donors)
    with pytest.raises(DataError, match=r"fold \d has no sample of class 'c' in its holdout"):
        make_splits(cohort, seed=1, n_folds=4)  # as many as class c has donors
    splits = folds_that_fit(cohort, seed=1)
    assert len(splits) == 3
    assert all(len(split.holdout.classes) == 3 for split in splits)


@pytest.mark.parametrize("kind", ["barcodes", "apart"])
def test_a_splits_file_with_a_person_on_both_sides_is_read_with_a_warning(
    toy_cohort: Cohort, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    names = tuple(f"TCGA-A0-{i // 2:04d}-0{1 + 5 * (i % 2)}A" for i in range(60))
    donors = np.array([name[:12] for name in names])
    cohort = replace(toy_cohort, samples=names) if kind == "barcodes" else replace(toy_cohort, donors=donors)
    sides = replace(cohort, donors=None) if kind != "apart" else cohort
    write_splits(tmp_path / "splits.yaml", make_splits(sides, seed=1))
    assert len(read_splits(tmp_path / "splits.yaml", cohort, seed=1)) == 5
    words = "have samples in both train_index and test_index: attacks count siblings of members as non-members"
    assert (words in caplog.text) == (kind != "apart")


def test_fewer_than_two_folds_are_refused(toy_cohort: Cohort) -> None:
    with pytest.raises(DataError, match=r"1 folds leave nobody to train on"):
        make_splits(toy_cohort, seed=1, n_folds=1)


def test_an_empty_cohort_is_refused(toy_cohort: Cohort) -> None:
    with pytest.raises(DataError, match=r"no samples"):
        make_splits(toy_cohort.take([]), seed=1)


# -- splits files ------------------------------------------------------------------------------------------------------


def test_written_splits_come_back_as_they_were(toy_cohort: Cohort, tmp_path: Path) -> None:
    splits = make_splits(toy_cohort, seed=42)
    write_splits(tmp_path / "TOY_splits.yaml", splits)
    back = read_splits(tmp_path / "TOY_splits.yaml", toy_cohort, seed=42)
    assert [split.digest for split in back] == [split.digest for split in splits]
    assert [(split.fold, split.seed) for split in back] == [(fold, 42) for fold in (1, 2, 3, 4, 5)]


def test_the_file_has_the_form_of_the_challenge(toy_cohort: Cohort, tmp_path: Path) -> None:
    splits = make_splits(toy_cohort, seed=42)
    write_splits(tmp_path / "TOY_splits.yaml", splits)
    content = yaml.safe_load((tmp_path / "TOY_splits.yaml").read_text())
    assert list(content) == ["splits"]
    assert list(content["splits"]) == [f"split_{k}" for k in (1, 2, 3, 4, 5)]
    assert content["splits"]["split_2"]["test_index"] == list(splits[1].holdout.samples)
    assert content["splits"]["split_2"]["train_index"] == list(splits[1].train.samples)


def test_the_order_of_names_in_the_file_changes_nothing(toy_cohort: Cohort, tmp_path: Path) -> None:
    names = list(toy_cohort.samples)
    for path, order in ((tmp_path / "a.yaml", names), (tmp_path / "b.yaml", names[::-1])):
        sides = {"train_index": [n for n in order if n >= "s30"], "test_index": [n for n in order if n < "s30"]}
        path.write_text(yaml.safe_dump({"splits": {"split_1": sides}}))
    one, other = (read_splits(tmp_path / f"{x}.yaml", toy_cohort, seed=1)[0] for x in "ab")
    assert one.digest == other.digest


def test_sample_names_that_look_like_numbers_stay_as_they_are(toy_cohort: Cohort, tmp_path: Path) -> None:
    cohort = replace(toy_cohort, samples=tuple(f"{i:03d}" for i in range(60)))
    train, test = (", ".join(cohort.samples[a:b]) for a, b in ((20, 60), (0, 20)))
    path = tmp_path / "splits.yaml"
    path.write_text(f"splits:\n  split_1:\n    train_index: [{train}]\n    test_index: [{test}]\n")
    assert read_splits(path, cohort, seed=1)[0].holdout.samples == cohort.samples[:20]


def _splits_file(path: Path, cohort: Cohort, change: str) -> Path:
    folds = {
        f"split_{s.fold}": {"train_index": list(s.train.samples), "test_index": list(s.holdout.samples)}
        for s in make_splits(cohort, seed=1)
    }
    first, second = folds["split_1"], folds["split_2"]
    match change:
        case "unknown sample":
            first["test_index"][0] = "s99"
        case "both sides":
            first["train_index"].append(first["test_index"][0])
        case "twice":
            first["test_index"].append(first["test_index"][0])
        case "left out":
            first["test_index"].pop()
        case "held out again":
            folds["split_2"] = first
        case "fold name":
            folds["fold_6"] = second
        case "no test":
            del second["test_index"]
    path.write_text(yaml.safe_dump({"splits": folds}))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("unknown sample", "names 's99', which is no sample of the cohort. Use the splits file of this cohort"),
        ("both sides", "is in both train_index and test_index; expected it once. Mend the file"),
        ("twice", "is twice in test_index; expected it once. Mend the file"),
        ("left out", "1 samples of the cohort, 's.*' first, are in neither train_index nor test_index"),
        ("held out again", "is held out here and in split_1; expected every sample in one test_index only"),
        ("fold name", "fold 'fold_6' is not known; expected split_1, split_2"),
        ("no test", "split_2: test_index is no list of sample names. Export the splits again"),
    ],
)
def test_a_wrong_splits_file_is_refused_with_the_cure(
    change: str, message: str, toy_cohort: Cohort, tmp_path: Path
) -> None:
    path = _splits_file(tmp_path / "splits.yaml", toy_cohort, change)
    with pytest.raises(DataError, match=message):
        read_splits(path, toy_cohort, seed=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no folds under the top key 'splits'"),
        ("folds: {}", "no folds under the top key 'splits'"),
        ("splits: [", "cannot be read as YAML"),
        ("splits: !!python/object/apply:os.getcwd []", "no folds under the top key 'splits'"),
    ],
)
def test_a_file_that_is_no_splits_file_is_refused(
    content: str, message: str, toy_cohort: Cohort, tmp_path: Path
) -> None:
    path = tmp_path / "splits.yaml"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_splits(path, toy_cohort, seed=1)


def test_a_missing_splits_file_is_one_clear_error(toy_cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not exist; give the path"):
        read_splits(tmp_path / "none.yaml", toy_cohort, seed=1)


@pytest.mark.real_data
def test_seed_42_on_the_real_brca_order_gives_the_published_folds() -> None:
    cohort = load_dataset("brca").cohort
    assert cohort.donors is not None  # one per sample, so that the folds are the plain ones
    assert len(np.unique(cohort.donors)) == len(cohort)
    distances = [_mean_distance_to_closest(s.holdout.X, s.train.X) for s in make_splits(cohort, seed=42)]
    assert np.round(distances, 4).tolist() == PUBLISHED_BRCA


def _mean_distance_to_closest(queries: np.ndarray, points: np.ndarray) -> float:
    a, b = queries.astype(np.float64), points.astype(np.float64)
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T  # (n_queries, n_points)
    return float(np.sqrt(squared.min(axis=1)).mean())


def whole(cohort: Cohort, reference: Cohort | None = None) -> Dataset:
    return Dataset("toy", "a toy", "label", cohort, reference, False, "made here")


def test_people_set_aside_are_in_no_fold_and_the_dataset_says_so(toy_cohort: Cohort) -> None:
    found = with_reference(whole(toy_cohort), 5)
    assert found.reference is not None
    assert len(found.reference) == 12
    assert sorted((*found.cohort.samples, *found.reference.samples)) == sorted(toy_cohort.samples)
    assert {label: int((found.reference.y == label).sum()) for label in "abc"} == {"a": 6, "b": 4, "c": 2}
    assert (found.name, found.slug) == ("toy-reference5", "toy-reference5")
    assert "set aside" in found.title
    assert found.digest != toy_cohort.digest


def test_a_dataset_with_a_reference_set_of_its_own_keeps_it(toy_cohort: Cohort) -> None:
    with pytest.raises(DataError, match="brings a reference set of 3 people"):
        with_reference(whole(toy_cohort.take(range(3, 60)), toy_cohort.take(range(3))), 5)
