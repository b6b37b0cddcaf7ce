"""Pictures of variants: linkage, its decay and the spectrum, from numbers that are checked by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import Dataset, Split, Variants
from bench.conformance import haplotypes, people
from bench.engine.releases import Releases
from bench.report.figures.png_files import drawn_from
from bench.report.figures.variant_panels import decay_of, draw_variants, shares_of, squares, variants_figure

TRAIN, HOLDOUT, MADE = (haplotypes(60, who) for who in ("train", "holdout", "made"))


def test_squares_are_those_of_numpy_and_0_where_nothing_varies() -> None:
    calls = TRAIN.calls.copy()
    calls[:, :, 5] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.nan_to_num(np.corrcoef(calls.reshape(-1, 24).T)) ** 2
    np.testing.assert_allclose(squares(replace(TRAIN, calls=calls, y=TRAIN.y)), expected, atol=1e-9)
    assert squares(TRAIN, most=7).shape == (7, 7)


def test_a_missing_call_counts_as_the_mean_of_its_site() -> None:
    calls = np.array([[[0, 0], [1, 1]], [[0, 0], [1, -1]]], dtype=np.int8)
    some = Variants(calls=calls, y=["a", "a"], sites=("1:1:A>G", "1:2:A>G"), samples=("p", "q"))
    x, y = np.array([-0.5, 0.5, -0.5, 0.5]), np.array([-1 / 3, 2 / 3, -1 / 3, 0])
    assert np.isclose(squares(some)[0, 1], (x @ y) ** 2 / ((x @ x) * (y @ y)))


def test_decay_and_spectrum_by_hand() -> None:
    calls = np.array([[[0, 0, 1], [1, 1, 0]], [[0, 0, 0], [1, 1, 0]]], dtype=np.int8)
    some = Variants(calls=calls, y=["a", "a"], sites=("1:1:A>G", "1:11:A>G", "2:5:A>G"), samples=("p", "q"))
    distance, r2 = decay_of(some)
    assert (distance.tolist(), r2.tolist()) == ([10.0], [1.0])  # the third site is on another chromosome
    assert shares_of(some)[-1] == 2 / 3
    assert shares_of(some)[10] == 1 / 3


def test_a_picture_is_drawn_of_variants_alone(tmp_path: Path) -> None:
    found = Releases(
        Split(TRAIN, HOLDOUT, 1, 42), {"near": MADE, "far": TRAIN.synthetic(1 - TRAIN.X, TRAIN.y)}, frozenset()
    )
    dataset = Dataset("mine", "mine", "label", TRAIN, None, False, "the tests")
    draw_variants(tmp_path / "linkage.png", found, dataset)
    first = (tmp_path / "linkage.png").stat().st_mtime_ns
    assert drawn_from(tmp_path / "linkage.png")
    draw_variants(tmp_path / "linkage.png", found, dataset)
    assert (tmp_path / "linkage.png").stat().st_mtime_ns == first
    others = people(30), people(12, "held out")
    expression = Releases(Split(*others, 1, 42), {"near": others[0]}, frozenset())
    draw_variants(tmp_path / "none.png", expression, dataset)
    assert not (tmp_path / "none.png").exists()
    assert variants_figure(HOLDOUT, {}, "nothing") is None
