"""Named streams are repeatable and independent."""

from __future__ import annotations

import numpy as np

from bench import stream


def test_equal_paths_give_equal_numbers_and_others_do_not() -> None:
    def draw(seed: int, *path: str | int) -> list[float]:
        return stream(seed, *path).random(4).tolist()

    base = draw(42, "sample", "brca", 1, "multivariate")
    assert base == draw(42, "sample", "brca", 1, "multivariate")
    others = [draw(42, "sample", "brca", 1, "noise"), draw(42, "sample", "brca", 2, "multivariate")]
    others.append(draw(43, "sample", "brca", 1, "multivariate"))
    assert all(base != other for other in others)


def test_a_stream_is_pinned_so_that_published_numbers_stay_repeatable() -> None:
    np.testing.assert_array_equal(stream(42, "a", 1).integers(0, 1000, 5), [56, 563, 785, 391, 381])
