"""Draws images of each release class by class, and beside each its nearest training image where that may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.core.images import Images
from bench.core.records import Records
from bench.datasets import Dataset
from bench.datasets.known.image_sets import IMAGE_SETS
from bench.engine.releases import Releases
from bench.registry.digests import own_digest
from bench.report.figures.png_files import draw_png, fingerprint_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EACH = 3  # images of a class
_CLASSES = 10  # rows of a panel at most
_ACROSS = 4  # panels beside one another
_BRIGHT, _DARK = 1.0, 0.35  # of the frame between images


def draw_grids(path: Path, found: Releases, dataset: Dataset) -> None:
    """Draw the releases of one fold; nothing for other data than images.

    Training images are shown of datasets that anybody has (`bench.datasets.known.image_sets`), never of imported ones:
    a page that shows them would be the leak that it warns of.
    """
    train = found.split.train
    if not isinstance(train, Images):
        return
    public = dataset.name in IMAGE_SETS
    releases = {name: made for name, made in found.named().items() if isinstance(made, Images)}
    digests = {name: made.digest for name, made in {"train": train, **releases}.items()}
    code = own_digest("bench.report.figures.image_grids")
    fingerprint = fingerprint_of(code, dataset.title, dataset.simulated, public, list(digests.items()))
    draw_png(path, fingerprint, lambda: grid_figure(train, releases, dataset.title, public=public))


def grid_figure(train: Images, releases: Mapping[str, Records], title: str, *, public: bool) -> Figure | None:
    """Return one panel a release: a row a class, images of the release, each followed by its nearest training image.

    Parameters
    ----------
    train : the images that the generators saw
    releases : images by the name above their panel
    public : whether training images may be shown
    """
    from matplotlib.figure import Figure

    if not releases:
        return None
    classes = [str(label) for label in train.classes[:_CLASSES]]
    down = -(-len(releases) // _ACROSS)
    height, width = len(classes) * train.shape[0], _EACH * (1 + public) * train.shape[1]
    size = 2.6 / max(height, width)
    figure = Figure(figsize=(_ACROSS * width * size + 0.8, down * (height * size + 0.35) + 0.6), layout="constrained")
    axes = figure.subplots(down, _ACROSS, squeeze=False).ravel()
    for place in axes:
        place.set_axis_off()
    for place, (name, made) in zip(axes, releases.items(), strict=False):
        assert isinstance(made, Images)
        sheet = panel(train, made, classes, public=public)
        place.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        place.set_title(name, fontsize=8)
    beside = ", each with its nearest training image" if public else ""
    figure.suptitle(f"{title}: {_EACH} images a class{beside}", fontsize=9)
    return figure


def panel(train: Images, made: Images, classes: Sequence[str], *, public: bool) -> NDArray[np.float32]:
    """Return the sheet of one release, (rows, columns, 3), brightness from 0 to 1; a class it lacks has empty places.

    The first images of each class in the release, whose order tells nothing. The frame of a training image is darker.
    """
    height, width, _ = train.shape
    rows = []
    for label in classes:
        shown = np.flatnonzero(made.y == label)[:_EACH]
        cells = []
        for i in range(_EACH):
            image = _colour(made, int(shown[i])) if i < len(shown) else np.full((height, width, 3), _BRIGHT)
            cells.append(_framed(image, _BRIGHT))
            if public:
                near = nearest(train, made.X[shown[i]]) if i < len(shown) else None
                cells.append(_framed(image if near is None else _colour(train, near), _DARK))
        rows.append(np.concatenate(cells, axis=1))
    sheet: NDArray[np.float32] = np.concatenate(rows, axis=0)
    return sheet


def nearest(train: Images, image: NDArray[np.float32]) -> int:
    """Return the row of the training image at the smallest Euclidean distance from a flat image (d,)."""
    return int(((train.X - image) ** 2).sum(axis=1).argmin())


def _colour(images: Images, row: int) -> NDArray[np.float32]:
    image = images.X[row].reshape(images.shape)
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def _framed(image: NDArray[np.float32], brightness: float) -> NDArray[np.float32]:
    return np.pad(image, ((1, 0), (1, 0), (0, 0)), constant_values=brightness)
