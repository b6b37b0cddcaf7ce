"""Grids of images: each stands beside its nearest training image, and of data that are not public no such image is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import Dataset, Images, Split
from bench.engine.releases import Releases
from bench.report.figures.image_grids import draw_grids, grid_figure, nearest, panel
from bench.report.figures.png_files import drawn_from


def drawings(n: int, seed: int) -> Images:
    pixels = np.random.default_rng(seed).uniform(size=(n, 4, 4, 1))
    return Images(pixels=pixels, y=np.where(np.arange(n) % 2, "b", "a"), samples=tuple(f"{seed}-{i}" for i in range(n)))


TRAIN, HOLDOUT = drawings(40, 1), drawings(10, 2)


def release() -> Images:
    return TRAIN.synthetic(np.clip(TRAIN.X[:20] + 0.01, 0, 1), TRAIN.y[:20])


def releases() -> Releases:
    return Releases(Split(TRAIN, HOLDOUT, 1, 42), {"near": release()}, frozenset())


def test_each_image_stands_beside_its_nearest_training_image() -> None:
    made = release()
    sheet = panel(TRAIN, made, ["a", "b"], public=True)
    assert sheet.shape == (2 * 5, 3 * 2 * 5, 3)
    first = np.flatnonzero(made.y == "a")[0]
    np.testing.assert_allclose(sheet[1:5, 1:5, 0], made.pixels[first, :, :, 0], atol=1e-6)
    np.testing.assert_allclose(sheet[1:5, 6:10, 0], TRAIN.pixels[first, :, :, 0], atol=1e-6)  # the one it was made from
    assert nearest(TRAIN, made.X[first]) == first


def test_without_leave_no_training_image_is_in_the_picture() -> None:
    sheet = panel(TRAIN, release(), ["a", "b"], public=False)
    assert sheet.shape == (2 * 5, 3 * 5, 3)
    tiles = [sheet[r + 1 : r + 5, c + 1 : c + 5, 0] for r in (0, 5) for c in (0, 5, 10)]
    assert not any(np.allclose(tile, image[:, :, 0], atol=1e-4) for tile in tiles for image in TRAIN.pixels)


def test_a_class_that_the_release_lacks_is_an_empty_row() -> None:
    made = release()
    sheet = panel(TRAIN, made.take(made.y == "a"), ["a", "b"], public=False)
    assert (sheet[5:] == 1).all()


@pytest.mark.parametrize("name", ["digits", "mine"])
def test_only_datasets_that_anybody_has_show_training_images(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def spy(*args: object, public: bool) -> None:
        asked.append(public)

    monkeypatch.setattr("bench.report.figures.image_grids.grid_figure", spy)
    draw_grids(tmp_path / "grid.png", releases(), Dataset(name, name, "label", TRAIN, None, False, "the tests"))
    assert asked == [name == "digits"]


def test_a_picture_is_drawn_and_left_as_it_is(tmp_path: Path) -> None:
    path, dataset = tmp_path / "grid.png", Dataset("mine", "mine", "label", TRAIN, None, False, "the tests")
    draw_grids(path, releases(), dataset)
    first = path.stat().st_mtime_ns
    assert drawn_from(path)
    draw_grids(path, releases(), dataset)
    assert path.stat().st_mtime_ns == first


def test_nothing_is_drawn_of_no_release() -> None:
    assert grid_figure(TRAIN, {}, "nothing", public=True) is None
