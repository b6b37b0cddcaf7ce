"""Variants: the same contract as a cohort of expression, with a flat view of the haplotypes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import DataError, Variants
from bench.conformance import haplotypes
from bench.core.cohort import as_expression
from bench.core.cohort_file import read_cohort, read_records, write_npz
from bench.core.errors import NoLabelsError
from bench.core.records import Records

SITES = ("1:100:A>G", "1:150:C>CT", "2:7:G>T")
CALLS = np.array(
    [[[0, 1, 0], [1, 1, 0]], [[0, 0, -1], [0, 1, 1]], [[1, 0, 0], [1, 0, 1]], [[0, 0, 0], [0, 0, 0]]], dtype=np.int8
)


@pytest.fixture
def phased() -> Variants:
    """Four people with two haplotypes at three sites; one call is missing."""
    return Variants(
        calls=CALLS, y=np.array(list("aabb")), sites=SITES, samples=("p", "q", "r", "s"), build="GRCh37",
        donors=np.array(list("uuvw")),
    )  # fmt: skip


@pytest.fixture
def unphased(phased: Variants) -> Variants:
    return replace(phased, calls=phased.genotypes[:, None], y=phased.y)


def test_genotypes_and_frequencies_count_alternate_alleles_and_leave_out_missing_calls(
    phased: Variants, unphased: Variants
) -> None:
    assert phased.genotypes.tolist() == [[1, 2, 0], [0, 1, -1], [2, 0, 1], [0, 0, 0]]
    np.testing.assert_allclose(phased.frequencies, [3 / 8, 3 / 8, 2 / 7])
    np.testing.assert_allclose(unphased.frequencies, [3 / 8, 3 / 8, 1 / 6])
    assert (phased.n_missing, unphased.n_missing, phased.phased, unphased.phased) == (1, 1, True, False)
    np.testing.assert_array_equal(phased.haplotypes[2:4], CALLS[1])
    with pytest.raises(DataError, match="phase of these genotypes is not known"):
        _ = unphased.haplotypes


def test_the_flat_view_is_one_haplotype_after_the_other_and_keeps_missing_calls(
    phased: Variants, unphased: Variants
) -> None:
    assert phased.X.dtype == np.float32
    assert phased.X[1].tolist() == [0, 0, -1, 0, 1, 1]
    assert phased.features == phased.genes == tuple(f"{s}|1" for s in SITES) + tuple(f"{s}|2" for s in SITES)
    assert (phased.n_genes, unphased.n_genes, unphased.features, phased.modality) == (6, 3, SITES, "variants")
    assert unphased.X[1].tolist() == [0, 1, -1]
    with pytest.raises(ValueError, match="read-only"):
        phased.X[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        phased.calls[0, 0, 0] = 1


def test_sites_say_where_they_are(phased: Variants) -> None:
    assert phased.positions.tolist() == [100, 150, 7]
    assert phased.chromosomes.tolist() == ["1", "1", "2"]
    assert phased.alleles == (("A", "G"), ("C", "CT"), ("G", "T"))
    some = phased.at_sites([2, 0])
    assert (some.sites, some.build) == (("2:7:G>T", "1:100:A>G"), "GRCh37")
    np.testing.assert_array_equal(some.calls, CALLS[:, :, [2, 0]])


def test_rows_are_taken_with_everything_that_belongs_to_them(phased: Variants) -> None:
    some = phased.take([2, 0])
    assert (some.samples, some.y.tolist(), some.donors.tolist()) == (("r", "p"), ["b", "a"], ["v", "u"])  # type: ignore[union-attr]
    np.testing.assert_array_equal(some.calls, CALLS[[2, 0]])
    assert phased.take(phased.y == "b").samples == ("r", "s")
    assert [(label, len(X)) for label, X in phased.by_label()] == [("a", 2), ("b", 2)]


def test_synthetic_people_come_from_the_flat_view_and_every_value_becomes_a_call(
    phased: Variants, unphased: Variants
) -> None:
    for real in (phased, unphased):
        same = real.synthetic(real.X, real.y)
        np.testing.assert_array_equal(same.calls, real.calls)
        assert (same.sites, same.build, same.samples[0]) == (real.sites, "GRCh37", "synthetic_1")
    made = phased.synthetic([[0.6, -0.9, 5, 0.4, -1, 0.5001]], None)
    assert made.calls.tolist() == [[[1, 0, 1], [0, -1, 1]]]
    assert unphased.synthetic([[1.6, 7, 0.4]], None).calls.tolist() == [[[2, 2, 0]]]
    with pytest.raises(DataError, match=r"shape \(1, 4\); expected \(n, 6\), or \(n, 2, 3\)"):
        phased.synthetic(np.zeros((1, 4)), None)
    with pytest.raises(DataError, match="not finite"):
        phased.synthetic(np.full((1, 6), np.nan), None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calls": CALLS[:, :, :2]}, "have shape"),
        ({"calls": CALLS[:, 0]}, "have shape"),
        ({"calls": CALLS * 2}, r"sample 'p' has the call 2 at site '1:150:C>CT'; expected 0 or 1"),
        ({"calls": CALLS[:, :1] - 1}, r"sample 'q' has the call -2 at site '2:7:G>T'; expected 0, 1 or 2"),
        ({"calls": CALLS * 0.5}, r"has the call 0.5"),
        ({"sites": ("1:1:A>G", "1:1:A>G", "1:2:A>G")}, "site names must be unique"),
        ({"sites": ("1:1:A>G", "rs5", "1:2:A>G")}, "the site 'rs5' is not of the form"),
        ({"samples": ("p", "p", "r", "s")}, "sample names must be unique"),
        ({"donors": np.array(["u"])}, r"'donors' has shape \(1,\)"),
    ],
)
def test_what_is_no_variants_is_refused_with_the_reason(phased: Variants, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(phased, **{"y": phased.y, **change})


def test_everything_enters_the_digest(phased: Variants) -> None:
    other = [
        phased.take([0, 1, 3, 2]),
        replace(phased, y=phased.y[::-1]),
        replace(phased, y=phased.y, build="GRCh38"),
        replace(phased, y=phased.y, donors=None),
        replace(phased, y=phased.y, sites=("1:101:A>G", *SITES[1:])),
        replace(phased, y=phased.y, calls=1 - np.abs(CALLS)),
    ]
    assert len({phased.digest, *(one.digest for one in other)}) == 7
    assert phased.take(range(4)).digest == phased.digest


@pytest.mark.parametrize("labelled", [True, False])
def test_a_file_gives_back_variants_and_whether_they_have_labels(
    phased: Variants, labelled: bool, tmp_path: Path
) -> None:
    kept = phased if labelled else phased.synthetic(phased.X, None)
    write_npz(tmp_path / "v.npz", kept)
    found = read_records(tmp_path / "v.npz")
    assert isinstance(found, Variants)
    assert (found.digest, found.has_labels) == (kept.digest, labelled)
    with pytest.raises(DataError, match="works with expression alone"):
        read_cohort(tmp_path / "v.npz")
    if not labelled:
        with pytest.raises(NoLabelsError):
            _ = found.y


def test_example_haplotypes_have_linked_sites_and_populations() -> None:
    found = haplotypes(300, apart=0.0)
    r = np.corrcoef(found.haplotypes.T)
    assert found.phased
    assert 0 < found.frequencies.min() < 0.02 < 0.4 < found.frequencies.max() < 0.8
    assert r[0, 2] > 0.2 > abs(r[0, 20])
    with pytest.raises(DataError, match="works with expression alone"):
        as_expression(found)


def records_are_a_protocol(phased: Variants) -> Records:
    return phased
