"""A cohort, a split and a claim refuse what is wrong, where they are made."""

from __future__ import annotations

import numpy as np
import pytest

from bench import Cohort, DataError, PrivacyClaim, Split


def cohort(**changes: object) -> Cohort:
    parts: dict[str, object] = {
        "X": np.arange(6.0).reshape(3, 2),
        "y": np.array(["a", "b", "a"]),
        "genes": ("g2", "g1"),
        "samples": ("s1", "s2", "s3"),
        "units": "vst",
    }
    return Cohort(**{**parts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"X": np.zeros((2, 3))}, "shape (2, 3)"),
        ({"y": np.array(["a", "b"])}, "one label for each of 3"),
        ({"y": np.array(["a", "", "b"])}, "empty value at position 1"),
        ({"genes": ("g1", "g1")}, "'g1' appears more than once"),
        ({"samples": ("s1", "s2", "s1")}, "'s1' appears more than once"),
        ({"X": np.array([[0, 1], [2, np.nan], [4, 5]])}, "sample 's2', gene 'g1' is nan"),
        ({"units": "tpm"}, "units 'tpm' are not known"),
        ({"donors": np.array(["d1"])}, "'donors' has shape (1,)"),
        ({"obs": {"tissue": np.array(["lung"])}}, "'tissue' has shape (1,)"),
    ],
)
def test_a_cohort_says_what_is_wrong_with_it(changes: dict[str, object], words: str) -> None:
    with pytest.raises(DataError) as error:
        cohort(**changes)
    assert words in str(error.value)


def test_a_cohort_is_read_only_and_detached_from_its_source() -> None:
    X = np.zeros((3, 2))
    made = cohort(X=X)
    X[0, 0] = 9
    assert made.X[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        made.X[0, 0] = 1


def test_taking_rows_keeps_labels_donors_and_further_labels_together() -> None:
    made = cohort(donors=np.array(["p", "q", "r"]), obs={"tissue": np.array(["x", "y", "z"])}).take([2, 0])
    assert made.samples == ("s3", "s1")
    assert made.y.tolist() == ["a", "a"]
    assert made.donors is not None
    assert made.donors.tolist() == ["r", "p"]
    assert made.obs["tissue"].tolist() == ["z", "x"]


@pytest.mark.parametrize(
    "changes",
    [
        {"genes": ("g1", "g2")},
        {"samples": ("s1", "s3", "s2")},
        {"y": np.array(["a", "b", "b"])},
        {"units": "log2"},
        {"X": np.arange(6.0).reshape(3, 2) + 1},
        {"donors": np.array(["p", "q", "r"])},
        {"obs": {"tissue": np.array(["x", "y", "z"])}},
    ],
)
def test_the_digest_changes_with_every_part(changes: dict[str, object]) -> None:
    assert cohort().digest == cohort().digest
    assert cohort(**changes).digest != cohort().digest


def test_a_split_refuses_a_sample_in_two_roles() -> None:
    whole = cohort()
    with pytest.raises(DataError, match="'s2' is in both train and holdout"):
        Split(whole.take([0, 1]), whole.take([1, 2]), fold=1, seed=0)


def test_a_split_refuses_a_donor_in_two_roles() -> None:
    whole = cohort(donors=np.array(["p", "q", "p"]))
    with pytest.raises(DataError, match="'p' is in both train and holdout"):
        Split(whole.take([0, 1]), whole.take([2]), fold=1, seed=0)


def test_a_split_refuses_a_reference_person_who_is_a_member() -> None:
    whole = cohort()
    with pytest.raises(DataError, match="both train and reference"):
        Split(whole.take([0, 1]), whole.take([2]), fold=1, seed=0, reference=whole.take([1]))


def test_a_split_refuses_other_genes_and_an_empty_role() -> None:
    whole = cohort()
    with pytest.raises(DataError, match="genes of the holdout differ"):
        Split(whole.take([0]), cohort(genes=("g1", "g2")).take([1]), fold=1, seed=0)
    with pytest.raises(DataError, match="no sample in its holdout"):
        Split(whole.take([0, 1]), whole.take([]), fold=1, seed=0)


def test_a_privacy_claim_is_end_to_end_only_if_nothing_is_outside() -> None:
    def claim(**changes: object) -> PrivacyClaim:
        parts: dict[str, object] = {"epsilon": 1.0, "delta": 1e-5, **changes}
        return PrivacyClaim(mechanism="Gaussian", unit="one sample", neighbours="add-remove", accountant="x", **parts)  # type: ignore[arg-type]

    assert claim().end_to_end
    assert not claim(outside=("scaler",)).end_to_end
    with pytest.raises(DataError, match="epsilon -1"):
        claim(epsilon=-1)
