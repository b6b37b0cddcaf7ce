"""Attacks on released diffusion models: they find members of a model that knows them by heart, and of no other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pytest
from bench.attacks.images._diffusion import half_of_each_class, shape_of
from bench.attacks.images.diffusion_lira import log_ratio
from numpy.typing import NDArray

from bench import AttackView, Images, PluginError, stream
from bench.registry.finding import create, find
from bench.statistics.membership import auc

ATTACKS = ("diffusion_loss", "secmi", "pia", "sima", "gradient_norms", "diffusion_lira")
RETRAINING = ("diffusion_loss", "gradient_norms", "diffusion_lira")
SIDE, N = 5, 60


@dataclass(kw_only=True)
class ByHeart:
    """Denoises with the best denoiser of the very images it was trained on, class by class."""

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        self.images_ = images
        return self

    def denoised(self, X: NDArray[np.float32], level: float, y: NDArray[np.str_]) -> NDArray[np.float64]:
        known = self.images_.X.astype(np.float64)
        squared = ((X[:, None].astype(np.float64) - known) ** 2).sum(axis=2) / (2 * max(level, 0.15) ** 2)
        squared[np.asarray(y)[:, None] != self.images_.y] += 1e6
        weights = np.exp(squared.min(axis=1, keepdims=True) - squared)
        found: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True) @ known
        return found

    def losses(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
        noise = rng.normal(0, 0.1, images.n_genes)
        return ((self.denoised(images.X + noise, 0.1, images.y) - images.X) ** 2).sum(axis=1, keepdims=True)

    def gradient_norms(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
        return np.hstack([1e-3 + self.losses(images, rng=rng) ** 0.5, rng.uniform(1, 2, (len(images), 1))])


def images(n: int, seed: int) -> Images:
    pixels = np.random.default_rng(seed).uniform(size=(n, SIDE, SIDE, 1))
    return Images(pixels=pixels, y=np.where(np.arange(n) % 2, "a", "b"), samples=tuple(f"{seed}_{i}" for i in range(n)))


def attacked(seed: int, *, elsewhere: bool = False) -> tuple[AttackView, NDArray[np.bool_]]:
    asked, others = images(2 * N, seed), images(N, seed + 100)
    fitted = ByHeart().fit(others if elsewhere else asked.take(range(N)), rng=stream(seed))
    order = np.random.default_rng(seed).permutation(2 * N)
    shown = asked.take(order)
    view = AttackView(
        synthetic=others.X, targets=shown.X, genes=shown.genes, synthetic_labels=others.y, target_labels=shown.y,
        units="intensity", make_generator=ByHeart, fitted=fitted,
    )  # fmt: skip
    return view, order < N


def scored(name: str, view: AttackView, **params: Any) -> NDArray[np.float64]:
    found: NDArray[np.float64] = create(find("attack", name), params).score(view, rng=stream(1, "attack"))
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_members_of_a_model_that_knows_them_by_heart_are_found(name: str) -> None:
    view, member = attacked(1)
    scores = scored(name, view)
    assert scores.shape == (2 * N,)
    assert auc(scores, member).value > 0.9


@pytest.mark.parametrize("name", ATTACKS)
def test_nobody_is_found_in_a_model_of_others(name: str) -> None:
    found = [
        auc(scored(name, view), member).value for view, member in (attacked(seed, elsewhere=True) for seed in range(4))
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


def test_without_calibration_only_the_released_model_is_read() -> None:
    view, member = attacked(2)
    assert auc(scored("diffusion_loss", replace(view, make_generator=None), calibrate=False), member).value > 0.9


@pytest.mark.parametrize("name", RETRAINING)
def test_shadows_need_the_code(name: str) -> None:
    view, _ = attacked(2)
    with pytest.raises(PluginError, match=f"{name} trains the generator again, but the view does not grant its code"):
        scored(name, replace(view, make_generator=None))


def test_lira_needs_a_pair_of_shadows() -> None:
    with pytest.raises(PluginError, match="pairs is 0"):
        scored("diffusion_lira", attacked(2)[0], pairs=0)


def test_the_order_of_the_targets_changes_no_score() -> None:
    view, _ = attacked(3)
    turned = np.arange(2 * N)[::-1]
    again = replace(view, targets=view.targets[turned], target_labels=view.target_labels[turned])  # type: ignore[index]
    for name in ATTACKS:
        np.testing.assert_allclose(scored(name, again), scored(name, view)[turned], rtol=1e-6, err_msg=name)


def test_half_of_every_class_is_in_a_shadow() -> None:
    asked = images(41, 5)  # 21 of a, 20 of b
    first = half_of_each_class(asked, np.random.default_rng(1))
    assert first[asked.y == "a"].sum() in (10, 11)
    assert first[asked.y == "b"].sum() == 10


def test_the_likelihood_ratio_is_that_of_two_normal_distributions() -> None:
    told = np.array([[[1.0]], [[3.0]], [[4.0]], [[8.0]]])  # one target: in with mean 2, out with mean 6
    inside = np.array([[True], [True], [False], [False]])
    spread = np.sqrt((1 + 1 + 4 + 4) / 4)
    found = log_ratio(np.array([[3.0]]), told, inside)
    assert found[0] == pytest.approx(np.arcsinh(((3 - 6) ** 2 - (3 - 2) ** 2) / (2 * spread**2)), rel=1e-4)


def test_a_model_with_longer_gradients_all_over_is_read_as_its_shadows_are() -> None:
    view, _ = attacked(1)

    class Louder(ByHeart):
        def gradient_norms(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
            return 10 * super().gradient_norms(images, rng=rng)

    louder = Louder().fit(view.fitted.images_, rng=stream(1))  # type: ignore[union-attr]
    found = scored("gradient_norms", replace(view, fitted=louder))
    np.testing.assert_allclose(found, scored("gradient_norms", view), atol=1e-3)


def test_sima_asks_for_the_noise_in_the_image_itself() -> None:
    view, _ = attacked(1)

    class Constant:
        def denoised(self, X: NDArray[np.float32], level: float, y: NDArray[np.str_]) -> NDArray[np.float64]:
            return X - level * np.where(np.arange(len(X)) < N, 0.5, 2.0)[:, None]  # noise of .5, or of 2, everywhere

    scores = scored("sima", replace(view, fitted=Constant()))  # type: ignore[arg-type]
    assert scores[:N].min() > scores[N:].max()


@pytest.mark.parametrize("name", ATTACKS)
def test_what_an_attack_cannot_read_is_said(name: str) -> None:
    view, _ = attacked(1)
    with pytest.raises(PluginError, match="does not grant it"):
        scored(name, replace(view, fitted=None))
    with pytest.raises(PluginError, match="it attacks diffusion models"):
        scored(name, replace(view, fitted=object()))  # type: ignore[arg-type]


def test_the_size_of_an_image_is_read_from_the_names_of_its_pixels() -> None:
    assert shape_of(images(2, 0).genes) == (SIDE, SIDE, 1)
    with pytest.raises(PluginError, match="expected those of images"):
        shape_of(("TP53",))


def test_attacks_on_the_model_run_when_they_are_named_and_for_images_alone() -> None:
    for name in ATTACKS:
        info = find("attack", name)
        assert (info.modalities, info.option("opt_in"), info.option("access")) == (("images",), True, "white-box")
