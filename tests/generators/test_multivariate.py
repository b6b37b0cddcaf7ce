"""The multivariate baseline has the published distribution, without ever forming a covariance."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from bench.generators.multivariate import Multivariate
from depth import in_depth
from numpy.typing import NDArray
from scipy.stats import kstest, norm

from bench import Cohort, PluginError, stream


def correlated(n: int = 400, genes: int = 6) -> Cohort:
    """Return two classes (3 : 1) of correlated genes, far apart."""
    rng = np.random.default_rng(0)
    kind = (np.arange(n) % 4 == 0).astype(int)
    mix = rng.normal(size=(2, genes, genes))
    X = 8 + 4 * kind[:, None] + np.einsum("ng,ngh->nh", rng.standard_normal((n, genes)), mix[kind])
    names = tuple(f"G{g}" for g in rng.permutation(genes))
    return Cohort(X=X, y=np.array(["a", "b"])[kind], genes=names, samples=tuple(map(str, range(n))), units="vst")


def moments(X: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return X.mean(axis=0, dtype=np.float64), np.cov(X.astype(np.float64).T)


@pytest.mark.parametrize("noise", in_depth([0.0, 0.5, 1.0], [0.5]))
def test_a_large_sample_has_the_class_mean_and_the_widened_covariance(noise: float) -> None:
    cohort = correlated()
    synthetic = Multivariate(noise=noise).fit(cohort, rng=stream(1)).sample(200_000, rng=stream(2))
    for (label, real), (same, drawn) in zip(cohort.by_label(), synthetic.by_label(), strict=True):
        assert label == same
        mean, covariance = moments(real)
        wide = (1 + noise) * covariance
        spread = np.sqrt(np.diag(wide))
        drawn_mean, drawn_covariance = moments(drawn)
        np.testing.assert_allclose((drawn_mean - mean) / spread, 0, atol=0.025)  # 5 standard errors of 50,000
        np.testing.assert_allclose((drawn_covariance - wide) / np.outer(spread, spread), 0, atol=0.04)


def published_draw(X: NDArray[np.float32], n: int, noise: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return n draws as published: from the class's Gaussian, plus independent draws with the covariance scaled."""
    mean, covariance = moments(X)
    return rng.multivariate_normal(mean, covariance, n) + rng.multivariate_normal(0 * mean, noise * covariance, n)


def test_samples_are_distributed_as_the_published_sum_of_two_draws() -> None:
    cohort = correlated()
    synthetic = Multivariate().fit(cohort, rng=stream(1)).sample(80_000, rng=stream(2))
    rng = np.random.default_rng(3)
    for (_, real), (_, drawn) in zip(cohort.by_label(), synthetic.by_label(), strict=True):
        published = published_draw(real, len(drawn), 0.5, rng)
        mean, covariance = moments(real)
        for direction in rng.normal(size=(8, 6)):  # a Gaussian is known by its projections
            spread = np.sqrt(1.5 * direction @ covariance @ direction)
            for sample in (drawn, published):
                assert kstest((sample - mean) @ direction / spread, norm.cdf).pvalue > 1e-4


def test_samples_stay_in_the_space_that_the_class_spans() -> None:
    cohort = correlated(20, genes=50).take(range(12))  # 9 and 3 people: rank 8 and 2 of 50
    synthetic = Multivariate().fit(cohort, rng=stream(1)).sample(400, rng=stream(2))
    for (_, real), (_, drawn) in zip(cohort.by_label(), synthetic.by_label(), strict=True):
        _, _, axes = np.linalg.svd(real - real.mean(axis=0), full_matrices=False)
        inside = axes[: len(real) - 1]
        off = (drawn - real.mean(axis=0)) - (drawn - real.mean(axis=0)) @ inside.T @ inside
        assert np.abs(off).max() < 1e-3
        assert np.linalg.matrix_rank(drawn - drawn.mean(axis=0), tol=0.05) == len(real) - 1


def test_a_class_of_one_is_its_mean() -> None:
    cohort = correlated()
    single = cohort.take([0, *np.flatnonzero(cohort.y == "a")])
    synthetic = Multivariate().fit(single, rng=stream(1)).sample(len(single), rng=stream(2))
    np.testing.assert_allclose(synthetic.X[synthetic.y == "b"], cohort.X[:1], rtol=1e-6)


def test_a_full_sample_has_the_class_counts_of_the_cohort() -> None:
    cohort = correlated()
    synthetic = Multivariate().fit(cohort, rng=stream(1)).sample(400, rng=stream(2))
    assert np.unique(synthetic.y, return_counts=True)[1].tolist() == [300, 100]
    assert synthetic.genes == cohort.genes


def test_a_constant_gene_stays_constant() -> None:
    cohort = correlated()
    X = cohort.X.copy()
    X[:, 2] = 5.0
    synthetic = Multivariate().fit(replace(cohort, X=X), rng=stream(1)).sample(50, rng=stream(2))
    np.testing.assert_allclose(synthetic.X[:, 2], 5.0, rtol=1e-6)


def test_twenty_thousand_genes_need_memory_like_the_data() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 20_000), dtype=np.float32)
    names = tuple(f"g{g}" for g in range(20_000))
    cohort = Cohort(X=X, y=np.repeat(["a", "b"], 30), genes=names, samples=tuple(map(str, range(60))), units="vst")
    tracemalloc.start()
    synthetic = Multivariate().fit(cohort, rng=stream(1)).sample(60, rng=stream(2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert synthetic.X.shape == (60, 20_000)
    assert peak < 20 * X.nbytes  # 96 MB; one covariance alone is 3,200 MB


def test_a_copied_or_reloaded_model_samples_the_same() -> None:
    fitted = Multivariate().fit(correlated(), rng=stream(1))
    digest = fitted.sample(30, rng=stream(2)).digest
    for other in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert other.sample(30, rng=stream(2)).digest == digest


def test_negative_noise_is_refused() -> None:
    with pytest.raises(PluginError, match=r"noise is -0.1"):
        Multivariate(noise=-0.1).fit(correlated(), rng=stream(1))
