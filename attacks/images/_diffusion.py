"""What attacks on released diffusion models share: images from the view, and the model's noise estimate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, Images, PluginError

Floats = NDArray[np.float64]


def shape_of(genes: tuple[str, ...]) -> tuple[int, int, int]:
    """Return height, width and channels from the names of the columns (``pixel_<row>_<column>_<channel>``)."""
    try:
        row, column, channel = (int(word) + 1 for word in genes[-1].split("_")[1:])
    except (IndexError, ValueError) as error:
        raise PluginError(f"the columns are called {genes[-1:]}; expected those of images, pixel_7_7_0.") from error
    return row, column, channel


def images_of(view: AttackView) -> Images:
    """Return the targets as images with their labels."""
    pixels = view.targets.reshape(len(view.targets), *shape_of(view.genes))
    labels = view.target_labels
    return Images(pixels=pixels, y=labels, samples=tuple(f"record_{i}" for i in range(len(pixels))))  # type: ignore[arg-type]


def released_model(view: AttackView, name: str, method: str) -> Any:
    """Return the fitted model of a view; `PluginError` unless it is granted and has the method."""
    if view.fitted is None or view.target_labels is None:
        raise PluginError(f"{name} reads the fitted model, but the view does not grant it.")
    if not callable(getattr(view.fitted, method, None)):
        raise PluginError(
            f"{type(view.fitted).__name__} has no method {method!r}, so that {name} has nothing to read: it attacks "
            "diffusion models."
        )
    return view.fitted


def in_own_order(view: AttackView, rng: np.random.Generator) -> tuple[Images, NDArray[np.intp]]:
    """Return the targets in an order that does not depend on the given one, and which target each of them is."""
    order = np.argsort(view.targets @ rng.standard_normal(len(view.genes)))
    return images_of(view).take(order), order


def half_of_each_class(images: Images, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a random half, (n,), of the images of every class; a class of one image may be in neither."""
    first = np.zeros(len(images), dtype=bool)
    for label in images.classes:
        members = rng.permutation(np.flatnonzero(images.y == label))
        first[members[: (len(members) + int(rng.integers(2))) // 2]] = True
    return first


def alone_in_class(images: Images) -> NDArray[np.bool_]:
    """Return who is the only image of the class, (n,): every shadow is trained on these, to know the class."""
    label, count = np.unique(images.y, return_counts=True)
    return np.isin(images.y, label[count == 1])


def shadow(view: AttackView, images: Images, rows: NDArray[np.bool_], name: str, rng: np.random.Generator) -> Any:
    """Return the attacked generator, trained on some of the targets by the attacker."""
    if view.make_generator is None:
        raise PluginError(f"{name} trains the generator again, but the view does not grant its code.")
    return view.make_generator().fit(images.take(rows), rng=rng.spawn(1)[0])


def told_by(model: Any, method: str, images: Images, seed: int) -> Floats:
    """Return the (n, n_terms) logarithms of what a model says of images: the same seed, the same noises."""
    found = np.asarray(getattr(model, method)(images, rng=np.random.default_rng(seed)), dtype=np.float64)
    logs: Floats = np.log(found + 1e-12)
    return logs


def noise_estimate(model: Any, X: Floats, level: float, y: NDArray[np.str_]) -> Floats:
    """Return the (n, d) noise, of sd 1, that the model sees in images at this noise level."""
    found: Floats = (X - model.denoised(X.astype(np.float32), level, y)) / level
    return found


def combined(errors: list[Floats]) -> Floats:
    """Return minus the mean of several errors, the logarithm of each scaled to its spread: higher is a member."""
    columns = [np.log(values + 1e-12) for values in errors]
    scaled = [(values - values.mean()) / max(float(values.std()), 1e-12) for values in columns]
    found: Floats = -np.mean(scaled, axis=0)
    return found
