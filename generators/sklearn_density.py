"""Adapter: any density in scikit-learn's interface, a class with `fit` and `sample`, is a generator."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from bench import Cohort, PluginError, generator

from ._foreign import keyword_arguments, load_class, seeded_globally
from ._labels import class_counts


@generator("sklearn_density", family="adapter", opt_in=True, imports=("estimator",))
@dataclass(kw_only=True)
class SklearnDensity:
    """Fit any density with `fit` and `sample`, in scikit-learn's interface, to each class, and sample at class rates.

    The density is fitted in a space of principal components of all training samples, because few densities bear as many
    dimensions as there are genes; what lies outside that space is not in the samples. The number of components is
    limited by the genes and by the samples. Nothing is private here. With the defaults this is one Gaussian per class;
    ``estimator=sklearn.neighbors.KernelDensity,options='bandwidth=0.5'`` is a smoothed copy of the training samples.
    """

    estimator: str = "sklearn.mixture.GaussianMixture"  # module and class, of any installed package
    options: str = ""  # its arguments: 'n_components=3,covariance_type=diag'
    components: int = 50  # principal components; 0 fits the genes themselves

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Fit the components to all samples, and a fresh estimator to each class."""
        if self.components < 0:
            raise PluginError(f"sklearn_density: components is {self.components}; expected 0 or more.")
        self.like_ = cohort.take([])
        self.labels_, self.counts_ = np.unique(cohort.y, return_counts=True)
        with seeded_globally(rng) as seed:
            n = min(self.components, *cohort.X.shape)
            self.pca_ = PCA(n, random_state=seed).fit(cohort.X.astype(np.float64)) if n else None
            spaces = {label: self._inside(X) for label, X in cohort.by_label()}
            self.densities_ = [self._fitted(label, Z, seed) for label, Z in spaces.items()]
        return self

    def _inside(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        values = X.astype(np.float64)
        inside: NDArray[np.float64] = values if self.pca_ is None else self.pca_.transform(values)
        return inside  # (n, n_components)

    def _fitted(self, label: str, Z: NDArray[np.float64], seed: int) -> Any:
        try:
            density = load_class(self.estimator)(**keyword_arguments(self.options))
        except (TypeError, ValueError) as error:
            raise PluginError(f"sklearn_density: {self.estimator}({self.options}) cannot be made: {error}.") from error
        if not callable(getattr(density, "fit", None)) or not callable(getattr(density, "sample", None)):
            raise PluginError(f"sklearn_density: {self.estimator} has no fit and sample; expected a density with both.")
        _set_random_state(density, seed)
        try:
            density.fit(Z)
        except ValueError as error:
            raise PluginError(f"sklearn_density: class {label!r} with {len(Z)} samples: {error}") from error
        return density

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Return n samples in random order, classes at their training rates."""
        counts = class_counts(self.counts_, n)
        with seeded_globally(rng) as seed:
            drawn = [_draw(d, int(count), seed) for d, count in zip(self.densities_, counts, strict=True) if count]
        Z = np.concatenate(drawn)
        X = Z if self.pca_ is None else self.pca_.inverse_transform(Z)  # (n, n_genes)
        order = rng.permutation(n)
        return self.like_.synthetic(X[order], np.repeat(self.labels_, counts)[order])


def _draw(density: Any, n: int, seed: int) -> NDArray[np.float64]:
    """Return (n, n_components) draws; some estimators return (draws, component of each), some take the seed here."""
    if "random_state" in inspect.signature(density.sample).parameters:
        drawn = density.sample(n, random_state=seed)
    else:
        _set_random_state(density, seed)
        drawn = density.sample(n)
    values: NDArray[np.float64] = np.asarray(drawn[0] if isinstance(drawn, tuple) else drawn, dtype=np.float64)
    return values


def _set_random_state(density: Any, seed: int) -> None:
    if hasattr(density, "random_state"):
        density.random_state = seed
