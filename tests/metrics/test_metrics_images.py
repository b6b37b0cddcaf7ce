"""The measures of images: distances by hand, an extractor with its hash, extraction, coverage and classifiers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from bench.metrics.images import _random_extractor as extractor
from bench.metrics.images.extraction import extracted
from bench.metrics.images.frechet import frechet_distance, kernel_distance
from bench.metrics.images.image_classifiers import balanced
from numpy.typing import NDArray

from bench import Images, stream
from bench.registry.finding import create, find

NAMES = ("frechet", "class_coverage", "extraction", "image_classifiers")


def images(n: int, seed: str, jitter: float = 0.1) -> Images:
    """Return n images of 8 x 8: a bright upper or lower half, with a spot at a random place, and noise."""
    random = stream(9, seed)
    pixels = np.clip(random.normal(0.3, jitter, (n, 8, 8, 1)), 0, 1)
    for i in range(n):
        pixels[i, slice(0, 4) if i % 2 else slice(4, 8)] += 0.3
        row, column = random.integers(8, size=2)
        pixels[i, row, column] = 1
    y = np.where(np.arange(n) % 2, "up", "down")
    return Images(pixels=np.clip(pixels, 0, 1), y=y, samples=tuple(f"{seed}{i}" for i in range(n)))


TRAIN, HOLDOUT = images(160, "train"), images(120, "holdout")


def measure(name: str, synthetic: Images, **params: float) -> Mapping[str, float]:
    values: Mapping[str, float] = create(find("metric", name), params)(
        TRAIN, HOLDOUT, synthetic, rng=np.random.default_rng(0)
    )
    return values


# -- distances ---------------------------------------------------------------------------------------------------------


def test_the_frechet_distance_is_that_of_two_normal_distributions() -> None:
    """Axes apart: |m1 - m2|^2 + sum (s1 - s2)^2."""
    base = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    a, b = base * [1, 2], base * [3, 1] + [0.5, -2]
    scale = 4 / 3  # of the sample variance
    assert frechet_distance(a, b) == pytest.approx(0.25 + 4 + scale * ((3 - 1) ** 2 + (2 - 1) ** 2))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b))


def test_the_kernel_distance_is_the_unbiased_one() -> None:
    a, b = np.array([[1.0, 0], [0, 1], [2, 1]]), np.array([[0.0, 0], [1, 1]])

    def kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        return float((x @ y / 2 + 1) ** 3)

    within = np.mean([kernel(a[i], a[j]) for i in range(3) for j in range(3) if i != j]) + kernel(b[0], b[1])
    assert kernel_distance(a, b) == pytest.approx(within - 2 * np.mean([[kernel(x, y) for y in b] for x in a]))


def test_the_extractor_is_the_one_its_name_says() -> None:
    assert extractor.weights_hash() == extractor.NAME
    assert f"frechet_random_{extractor.NAME}" in {m.name for m in find("metric", "frechet").measures}


def test_features_are_those_of_two_convolutions_by_hand() -> None:
    pixels = HOLDOUT.pixels[:1]
    first, second = extractor.weights(1)
    padded = np.pad(pixels[0, :, :, 0], 1, mode="edge")
    h = np.array([[np.maximum(first @ padded[r : r + 3, c : c + 3].ravel(), 0) for c in range(8)] for r in range(8)])
    pooled = (h[::2, ::2] + h[1::2, ::2] + h[::2, 1::2] + h[1::2, 1::2]) / 4
    wide = np.pad(pooled, ((1, 1), (1, 1), (0, 0)), mode="edge")
    last = np.zeros(48)
    for r in range(4):
        for c in range(4):
            last += np.maximum(second @ np.moveaxis(wide[r : r + 3, c : c + 3], 2, 0).ravel(), 0) / 16
    np.testing.assert_allclose(extractor.features(np.asarray(pixels, dtype=np.float32))[0], last, rtol=1e-6)


def test_noise_is_farther_than_other_people_and_they_are_as_far_as_training_images() -> None:
    name = f"frechet_random_{extractor.NAME}"
    honest, noisy = (measure("frechet", images(160, "more", jitter)) for jitter in (0.1, 0.3))
    assert noisy[name] > 5 * honest[name]
    assert honest[name] == pytest.approx(honest[f"{name}_base"], rel=1.0)


# -- coverage, extraction ----------------------------------------------------------------------------------------------


def test_coverage_is_counted_class_by_class() -> None:
    copy = measure("class_coverage", HOLDOUT)
    assert copy == {"class_coverage_mean": 1.0, "class_coverage_worst": 1.0}
    one = measure("class_coverage", HOLDOUT.take(HOLDOUT.y == "up"))
    assert one == {"class_coverage_mean": 0.5, "class_coverage_worst": 0.0}
    swapped = Images(
        pixels=HOLDOUT.pixels, y=np.where(HOLDOUT.y == "up", "down", "up"), samples=HOLDOUT.samples
    )  # an image counts for the class that it is labelled with
    assert measure("class_coverage", swapped)["class_coverage_mean"] < 0.2


def test_copies_are_extracted_and_held_out_images_are_not() -> None:
    random = stream(9, "copies")
    near = TRAIN.pixels + random.normal(0, 0.01, TRAIN.pixels.shape)
    values = measure("extraction", TRAIN.synthetic(near, TRAIN.y))
    assert values["extracted_train"] > 0.95
    assert values["extracted_holdout"] == 0
    assert values["extracted_excess"] == values["extracted_train"]
    honest = measure("extraction", images(160, "others"))
    assert honest["extracted_excess"] == pytest.approx(0, abs=0.02)


def test_an_image_is_extracted_once_it_is_nearer_than_half_the_mean_of_fifty() -> None:
    real = np.zeros((60, 3), dtype=np.float32)
    real[1:, 0] = 1.0  # from a made image at distance r of the first: 49 others about 1 - r away
    for r, hit in ((0.3, [0]), (0.34, [])):
        made = np.array([[r, 0, 0]], dtype=np.float32)
        mean = (r + 49 * (1 - r)) / 50
        assert (r < 0.5 * mean) == bool(hit)
        assert extracted(real, made, 0.5).tolist() == hit


# -- classifiers -------------------------------------------------------------------------------------------------------


def test_networks_learn_the_classes_and_wrong_labels_teach_them_wrongly() -> None:
    good = measure("image_classifiers", images(160, "more"))
    assert min(good.values()) > 0.9
    wrong = Images(pixels=TRAIN.pixels, y=np.where(TRAIN.y == "up", "down", "up"), samples=TRAIN.samples)
    bad = measure("image_classifiers", wrong)
    assert bad["balanced_accuracy_cnn_synthetic"] < 0.1
    assert bad["balanced_accuracy_cnn_real"] == good["balanced_accuracy_cnn_real"]  # the same seed each time


def test_balanced_accuracy_is_the_mean_recall() -> None:
    assert balanced(np.array(list("aaab")), np.array(list("aabb"))) == pytest.approx((2 / 3 + 1) / 2)


# -- edges -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_is_undefined_is_no_number(name: str) -> None:
    values = measure(name, TRAIN.take([]))
    made = {key: value for key, value in values.items() if not key.endswith(("_base", "_real"))}
    assert all(np.isnan(value) for value in made.values())
    assert all(np.isfinite(value) for key, value in values.items() if key not in made)
    measure(name, TRAIN.take([0]))
