"""One noisy row for each person: metric privacy, and what it amounts to in the ordinary sense.

A sanitiser releases everybody's own record with noise. Under epsilon-metric privacy two records that lie a distance d
apart give any output with probabilities that differ by a factor of at most exp(epsilon * d): who is close is hidden,
who is far is not. With records in a ball of radius R no two are farther apart than 2R, so that the ordinary local
epsilon is 2R * epsilon, which is what the claim prints. Noise is drawn once, when the cohort is fitted; to ask for more
rows than people repeats noisy rows and costs nothing more.

References
----------
Zhang and Bonomi (2022), ICHI, doi:10.1109/ICHI54592.2022.00101.
Chatzikokolakis et al. (2013), Broadening the scope of differential privacy using metrics, PETS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import Cohort, PluginError, PrivacyClaim

from .._public_prior import public_words, read_prior

Array = NDArray[np.float64]
_COVERAGE = 0.5  # part of the genes that the prior must have


def radial_noise(n: int, k: int, epsilon: float, rng: np.random.Generator) -> Array:
    """Return noise (n, k) of density proportional to exp(-epsilon * length): uniform direction, Gamma(k) length."""
    directions = rng.standard_normal((n, k))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    noise: Array = directions * rng.gamma(k, 1 / epsilon, (n, 1))
    return noise


def laplace_noise(n: int, k: int, epsilon: float, norm: str, rng: np.random.Generator) -> Array:
    """Return Laplace noise (n, k) that is epsilon-metric private for the L1 distance, or for the L2 distance.

    Two vectors at L2 distance d are at an L1 distance of at most sqrt(k) d, which is why that costs sqrt(k) more noise.
    """
    return rng.laplace(0, (k**0.5 if norm == "l2" else 1.0) / epsilon, (n, k))


def randomised_response(
    y: NDArray[np.str_], classes: NDArray[np.str_], epsilon: float, rng: np.random.Generator
) -> NDArray[np.str_]:
    """Return labels kept with probability e^epsilon / (e^epsilon + k - 1), and otherwise one of the others, evenly."""
    codes, k = np.searchsorted(classes, y), len(classes)
    lie = rng.random(len(y)) >= np.exp(epsilon) / (np.exp(epsilon) + k - 1)
    told: NDArray[np.str_] = classes[np.where(lie, (codes + rng.integers(1, max(k, 2), len(y))) % k, codes)]
    return told


@dataclass(frozen=True, eq=False)
class Scale:
    """Where genes are taken to lie and how far they spread, (n_genes,) each, before rows are put at length 1.

    Rows of positive numbers all point the same way, so that little of their length tells people apart: noise of a given
    epsilon hides more of them than of rows around a centre.
    """

    centre: Array
    spread: Array
    outside: tuple[str, ...] = ()
    public: tuple[str, ...] = ()

    @staticmethod
    def of(cohort: Cohort, how: str | None, name: str) -> Scale:
        """Return the scale by name: None, ``public`` of the shipped prior, ``cohort`` of the people themselves.

        Raises
        ------
        PluginError
            If there is no such scale, or the prior has few of the genes or people of the cohort in it.
        """
        n = cohort.n_genes
        if how is None:
            return Scale(np.zeros(n), np.ones(n))
        if how == "cohort":
            X = cohort.X.astype(np.float64)
            spread = X.std(axis=0)
            return Scale(X.mean(axis=0), np.where(spread > 0, spread, 1.0), ("mean and spread of each gene",))
        if how != "public":
            raise PluginError(f"{name}: scale is {how!r}; expected none, public or cohort.")
        prior = read_prior("shipped")
        prior.refuse(cohort)
        public = prior.on(cohort.genes)
        known = public.known
        if known.mean() < _COVERAGE:
            raise PluginError(
                f"{name}: scale=public needs most of the genes in the shipped prior, which has {known.sum()} of {n}."
            )
        centre = np.where(known, public.mean, public.mean[known].mean())
        spread = np.where(known, public.spread, np.median(public.spread[known]))
        return Scale(centre, spread, (), public_words(prior, float(known.mean())))


@dataclass(frozen=True, eq=False)
class Sanitised:
    """The rows that a sanitiser made, one a person, in an order of their own."""

    X: NDArray[np.float32]
    y: NDArray[np.str_]
    like: Cohort

    def sample(self, n: int, rng: np.random.Generator) -> Cohort:
        """Return n of the rows in random order; with more than there are, each is repeated before any is again."""
        rounds = [rng.permutation(len(self.X)) for _ in range(-(-n // len(self.X)))]
        rows = np.concatenate(rounds)[:n]
        return self.like.synthetic(self.X[rows], self.y[rows])


def sanitise(
    cohort: Cohort, forward: Array, length: float | None, label_epsilon: float | None,
    noise: Callable[[int, int], Array], rng: np.random.Generator, scale: Scale | None = None,
) -> Sanitised:  # fmt: skip
    """Return everybody's row, at unit length, in coordinates, with noise, and back.

    Parameters
    ----------
    forward : (n_genes, k) orthonormal columns: the coordinates that are kept
    length : public length that rows are put back to; None takes the mean length of the cohort
    label_epsilon : of randomised response; None leaves labels as they are
    noise : returns (n, k) noise
    scale : what rows are centred and divided by before, and turned back by after
    """
    scale = scale or Scale.of(cohort, None, "")
    X = (cohort.X.astype(np.float64) - scale.centre) / scale.spread
    lengths = np.linalg.norm(X, axis=1)
    coordinates = (X / np.maximum(lengths, 1e-12)[:, None]) @ forward
    noisy = coordinates + noise(*coordinates.shape)
    back = (noisy @ forward.T) * (float(lengths.mean()) if length is None else length)
    back = back * scale.spread + scale.centre
    y = cohort.y if label_epsilon is None else randomised_response(cohort.y, cohort.classes, label_epsilon, rng)
    return Sanitised(back.astype(np.float32), y, cohort.take(np.arange(0)))


def local_claim(
    mechanism: str, epsilon: float, label_epsilon: float | None, outside: tuple[str, ...], public: tuple[str, ...] = ()
) -> PrivacyClaim:
    """Return the ordinary local guarantee of a metric one for rows of length 1: no two are more than 2 apart."""
    labels = () if label_epsilon is not None else ("class labels, released as they are",)
    return PrivacyClaim(
        mechanism=f"{mechanism}: {epsilon:g} per unit of distance, rows of length 1, one noisy row a person",
        unit="one sample",
        neighbours="replace-one",
        epsilon=2 * epsilon + (label_epsilon or 0.0),
        delta=0.0,
        accountant="local: epsilon times the diameter of the ball, plus that of labels",
        outside=(*labels, "number of samples", *outside),
        public=public,
    )


def check(name: str, k: int, epsilon: float, length: float | None, label_epsilon: float | None) -> None:
    """Raise a `PluginError` that names the first parameter that is out of range."""
    values = {"coefficients": k, "epsilon": epsilon, "length": length, "label_epsilon": label_epsilon}
    for what, value in values.items():
        if value is not None and not value > 0:
            raise PluginError(f"{name}: {what} is {value}; expected more than 0.")


def cosines(n_genes: int, k: int) -> Array:
    """Return the first k rows of the orthonormal DCT-II as columns, (n_genes, k)."""
    from scipy.fft import idct

    basis: Array = idct(np.eye(min(k, n_genes), n_genes), type=2, norm="ortho", axis=1).T
    return basis


OUTSIDE_LENGTH = "mean length of a row"
