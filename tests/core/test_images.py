"""Images: the same contract as a cohort of expression, with a flat view of the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import Cohort, DataError
from bench.core.cohort import as_expression
from bench.core.cohort_file import read_cohort, read_records, write_npz
from bench.core.errors import NoLabelsError
from bench.core.images import Images
from bench.core.records import Records

N, SHAPE = 6, (3, 2, 1)


@pytest.fixture
def images() -> Images:
    """6 images of 3 x 2 grey pixels, each pixel another value."""
    pixels = np.arange(N * 6, dtype=np.uint8).reshape(N, *SHAPE)
    names = tuple(f"i{k}" for k in range(N))
    return Images(pixels=pixels, y=np.array(list("aabbcc")), samples=names, donors=np.array(list("uvwxyz")))


def test_the_flat_view_is_row_by_row_and_between_0_and_1(images: Images) -> None:
    assert images.X.dtype == np.float32
    np.testing.assert_allclose(images.X[1] * 255, np.arange(6, 12), rtol=1e-6)
    expected = ("pixel_0_0_0", "pixel_0_1_0", "pixel_1_0_0", "pixel_1_1_0", "pixel_2_0_0", "pixel_2_1_0")
    assert images.features == images.genes == expected
    assert (images.n_genes, len(images), images.shape, images.modality) == (6, N, SHAPE, "images")
    with pytest.raises(ValueError, match="read-only"):
        images.X[0, 0] = 1


def test_rows_are_taken_with_everything_that_belongs_to_them(images: Images) -> None:
    some = images.take([4, 0])
    assert (some.samples, some.y.tolist(), some.donors.tolist()) == (("i4", "i0"), ["c", "a"], ["y", "u"])  # type: ignore[union-attr]
    np.testing.assert_array_equal(some.pixels[1], images.pixels[0])
    assert images.take(images.y == "b").samples == ("i2", "i3")
    assert [(label, len(X)) for label, X in images.by_label()] == [("a", 2), ("b", 2), ("c", 2)]


def test_synthetic_images_come_from_the_flat_view_and_are_cut_to_what_can_be_shown(images: Images) -> None:
    made = images.synthetic(images.X * 20 - 0.1, images.y)
    assert (made.pixels.dtype, made.shape, made.samples[0]) == (np.float32, SHAPE, "synthetic_1")
    assert (made.X.min(), made.X.max()) == (0.0, 1.0)
    np.testing.assert_array_equal(images.synthetic(images.X, images.y).X, images.X)


def test_what_is_no_image_is_refused_with_the_reason(images: Images) -> None:
    for pixels, message in (
        (images.pixels[..., 0], "have shape"),
        (images.pixels.astype(np.float64), r"image 'i0' has the value 2.0 at pixel"),
        (np.full((N, *SHAPE), np.nan), "has the value nan"),
    ):
        with pytest.raises(DataError, match=message):
            Images(pixels=pixels, y=images.y, samples=images.samples)
    with pytest.raises(DataError, match="image names must be unique"):
        Images(pixels=images.pixels, y=images.y, samples=("i0", *images.samples[:-1]))
    with pytest.raises(DataError, match=r"'y' has shape \(2,\)"):
        Images(pixels=images.pixels, y=images.y[:2], samples=images.samples)


def test_everything_enters_the_digest(images: Images) -> None:
    other = [
        images.take([0, 1, 2, 3, 5, 4]),
        Images(pixels=images.pixels.reshape(N, 2, 3, 1), y=images.y, samples=images.samples, donors=images.donors),
        Images(pixels=images.pixels, y=images.y[::-1], samples=images.samples, donors=images.donors),
        Images(pixels=images.pixels, y=images.y, samples=images.samples),
    ]
    assert len({images.digest, *(one.digest for one in other)}) == 5
    assert images.take(range(N)).digest == images.digest


@pytest.mark.parametrize("labelled", [True, False])
def test_a_file_gives_back_images_and_whether_they_have_labels(images: Images, labelled: bool, tmp_path: Path) -> None:
    kept = images if labelled else images.synthetic(images.X, None)
    write_npz(tmp_path / "images.npz", kept)
    back = read_records(tmp_path / "images.npz")
    assert isinstance(back, Images)
    assert (back.digest, back.has_labels) == (kept.digest, labelled)
    with pytest.raises(DataError, match="the data are images, and this works with expression alone"):
        read_cohort(tmp_path / "images.npz")


def test_without_labels_everything_but_the_labels_can_be_asked(images: Images, toy_cohort: Cohort) -> None:
    for kept in (images, toy_cohort):
        bare: Records = kept.synthetic(kept.X, None)
        assert (len(bare.take([0, 1])), bare.has_labels, bare.features) == (2, False, kept.features)
        with pytest.raises(NoLabelsError):
            bare.classes  # noqa: B018
        assert bare.digest != kept.synthetic(kept.X, kept.y).digest
        assert not hasattr(bare, "obscure")
        assert repr(bare) == f"<{type(kept).__name__} of {len(kept)} samples x {kept.n_genes} features, no labels>"
        assert repr(kept).endswith("features, 3 classes>")


def test_a_file_of_a_cohort_without_labels_is_read_back(toy_cohort: Cohort, tmp_path: Path) -> None:
    bare = toy_cohort.synthetic(toy_cohort.X, None)
    write_npz(tmp_path / "bare.npz", bare)
    back = read_cohort(tmp_path / "bare.npz")
    assert (back.digest, back.has_labels) == (bare.digest, False)
    assert as_expression(back) is back
