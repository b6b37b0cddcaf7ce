"""Embedded stand-ins for the challenge's two cohorts and for METABRIC, so that a command works without any download.

Nobody is in here: each cohort is drawn from a model with a fixed random stream. The model's parameters are aggregate
statistics and lie in ``simulated_<name>.npz``, made by ``benchmarks/fit_simulated_cohorts.py``;
docs/simulated-cohorts.md says what is in them and how near the cohorts come to the real ones' published statistics.

One person of class k and sub-group h, gene by gene::

    x = mean + shift(k, and a part of the way to a related class) + sd(k) * bend(u)
    u = group_mean(h) @ loadings + size * (group_sd(h) * normal @ loadings + modules + white noise)

``size`` belongs to the person and makes the tails of all genes heavy together; ``bend`` gives each gene its own
skewness and tails (Jones & Pewsey 2009, doi 10.1093/biomet/asp053); the white noise keeps each class at full rank.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.core import seeds
from bench.core.cohort import Cohort
from bench.core.cohort_file import read_cohort, write_npz
from bench.core.errors import DataError, near_name
from bench.core.files import cache_home, keep_in_cache, sha256
from bench.core.records import Units
from bench.core.seeds import stream
from bench.datasets.known.simulated_metabric import metabric_parameters

NAMES = ("brca", "combined", "metabric")
MODELS = {"metabric": "brca"}  # whose model is made from another one's
UNITS: dict[str, Units] = {"metabric": "log2"}  # the others are in VST
RANGES = {"metabric": (4.5, 16.0)}  # log2 intensities between which an array measures
UNLABELED = "unlabeled"
_BLOCK = 1024  # people drawn at once: whole matrices of float64 cost as much time in page faults as in arithmetic
_FLOOR = 0.08  # least share of a gene's variance that is its own: no gene is a function of the others

Floats = NDArray[np.float64]
C = TypeVar("C", Cohort, Cohort | None)


@dataclass(frozen=True, kw_only=True, eq=False)
class Parameters:
    """The model of one cohort: p genes, K classes, G sub-groups, r factors.

    Parameters
    ----------
    genes, classes, tissues : (p,), (K,), (K,) names
    counts : (K,) people of each class
    mean, sd : (p,) of each gene
    shift, log_sd : (K, p) by which a class differs in mean and in log standard deviation
    skew, tail : (p,) shape of each gene; 0 and 1 are Gaussian, tail below 1 is heavy
    loadings : (r, p) of the gene modules on the Gaussian scale
    group_class, group_share : (G,) the class of a sub-group and its share in it
    group_mean, group_sd : (G, r) of the factor scores
    lean : (K, K) share of a class whose mean lies part of the way to another class
    lean_reach : the furthest part of the way
    person_sd : sd of the log of a person's size
    module_share, module_decay, modules : share of the unexplained variance in further modules, the power with which
        their strength falls, and their number
    reference_size : number of further people for the reference set; 0 if there is none
    """

    genes: NDArray[np.str_]
    classes: NDArray[np.str_]
    tissues: NDArray[np.str_]
    counts: NDArray[np.int64]
    mean: Floats
    sd: Floats
    shift: Floats
    log_sd: Floats
    skew: Floats
    tail: Floats
    loadings: Floats
    group_class: NDArray[np.int64]
    group_share: Floats
    group_mean: Floats
    group_sd: Floats
    lean: Floats
    lean_reach: float
    person_sd: float
    module_share: float
    module_decay: float
    modules: int
    reference_size: int

    @classmethod
    def load(cls, name: str) -> Self:
        """Return the shipped parameters of a cohort; whole numbers with a ``_step`` beside them are scaled by it."""
        with (files("bench.datasets") / f"simulated_{name}.npz").open("rb") as file, np.load(file) as stored:
            return cls(**{f.name: _value(stored, f.name) for f in fields(cls)})


def _value(stored: np.lib.npyio.NpzFile, name: str) -> Any:
    value = stored[name]
    if f"{name}_step" in stored:
        return value * stored[f"{name}_step"].astype(np.float64)
    if value.dtype.kind == "f":
        value = value.astype(np.float64)
    return value.item() if value.ndim == 0 else value


def simulated(name: str) -> tuple[Cohort, Cohort | None]:
    """Return `simulated_cohort` and `simulated_reference`, drawn once and then read from the user's cache."""
    core = Path(str(seeds.__file__)).parent
    here = Path(__file__)
    sources = [
        here,
        here.with_name("simulated_metabric.py"),
        here.parent.parent / f"simulated_{MODELS.get(name, name)}.npz",
        *(core / f"{m}.py" for m in ("seeds", "cohort", "records")),
    ]
    made_by = hashlib.sha256("".join([*map(sha256, sources), np.__version__]).encode()).hexdigest()
    cohort = _remembered(f"{name}-{made_by[:16]}", simulated_cohort, name)
    return cohort, _remembered(f"{name}-reference-{made_by[:16]}", simulated_reference, name)


def _remembered(key: str, make: Callable[[str], C], name: str) -> C:
    path = cache_home() / f"simulated-{key}.npz"
    with contextlib.suppress(DataError):  # of a file that is not there or is damaged
        return read_cohort(path)
    cohort = make(name)
    if cohort is not None:
        keep_in_cache(path, lambda place: write_npz(place, cohort))
    return cohort


def simulated_cohort(name: str) -> Cohort:
    """Return the simulated stand-in of a cohort, the same on every call.

    Parameters
    ----------
    name : ``"brca"`` (1,089 people, 5 subtypes), ``"combined"`` (4,323 people, 12 projects, ``obs["tissue"]``) or
        ``"metabric"`` (1,974 people, 6 subtypes, 20,000 genes)

    Raises
    ------
    DataError
        If there is no simulated cohort of that name.
    """
    parameters = _parameters(name)
    classes = stream(0, "simulated", name, "order").permutation(
        np.repeat(np.arange(len(parameters.counts)), parameters.counts)
    )
    X = draw(parameters, classes, name, "cohort")
    if name in RANGES:
        np.clip(X, *RANGES[name], out=X)
    tissues = parameters.tissues[classes]
    obs = {"tissue": tissues} if name == "combined" else {}
    return _cohort(parameters, X, parameters.classes[classes], f"SIM-{name.upper()}-", obs, UNITS.get(name, "vst"))


def simulated_reference(name: str) -> Cohort | None:
    """Return further people of the same population, unlabeled, or None if the cohort has no such set.

    Raises
    ------
    DataError
        If there is no simulated cohort of that name.
    """
    parameters = _parameters(name)
    n = parameters.reference_size
    if n == 0:
        return None
    rates = parameters.counts / parameters.counts.sum()
    classes = stream(0, "simulated", name, "reference order").choice(len(rates), size=n, p=rates)
    X = draw(parameters, classes, name, "reference")
    return _cohort(parameters, X, np.full(n, UNLABELED), f"SIM-{name.upper()}-R", {}, UNITS.get(name, "vst"))


def _parameters(name: str) -> Parameters:
    if name not in NAMES:
        raise DataError(
            f"there is no simulated cohort {name!r}; expected one of {', '.join(NAMES)}.{near_name(name, NAMES)}"
        )
    return metabric_parameters(Parameters.load(MODELS[name])) if name in MODELS else Parameters.load(name)


def _cohort(
    parameters: Parameters, X: Floats, y: NDArray[np.str_], prefix: str, obs: dict[str, NDArray[np.str_]], units: Units
) -> Cohort:
    samples = tuple(f"{prefix}{i + 1:04d}" for i in range(len(X)))
    genes = tuple(str(g) for g in parameters.genes)
    return Cohort(X=X.astype(np.float32), y=y, genes=genes, samples=samples, units=units, obs=obs)


# -- the model --------------------------------------------------------------------------------------------------------


def draw(parameters: Parameters, classes: NDArray[np.int64], name: str, role: str) -> Floats:
    """Return (n, p) values of new people of the given classes (n,), from the named stream of this cohort and role."""
    rng = stream(0, "simulated", name, role)
    groups = _groups(parameters, classes, rng)
    size = np.exp(parameters.person_sd * rng.standard_normal((len(classes), 1)) - parameters.person_sd**2)  # E s^2 = 1
    scores = rng.standard_normal((len(classes), len(parameters.loadings)))  # (n, r)
    factors = parameters.group_mean[groups] + size * parameters.group_sd[groups] * scores
    own, scale = _variances(parameters)  # (K, p), (K, p)
    noise = _noise(parameters, classes, name, rng)
    u, centres = factors @ parameters.loadings, _centres(parameters, classes, rng)
    sd, own_sd = parameters.sd * np.exp(parameters.log_sd), np.sqrt(own)  # (K, p), (K, p)
    drawn: Floats = np.empty(u.shape)
    for first in range(0, len(u), _BLOCK):
        rows = slice(first, first + _BLOCK)
        k = classes[rows]
        bent = bend((u[rows] + own_sd[k] * (size[rows] * noise[rows])) / scale[k], parameters.skew, parameters.tail)
        drawn[rows] = (parameters.mean + centres[rows]) + sd[k] * bent
    return drawn


def _groups(parameters: Parameters, classes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    groups = np.empty(len(classes), dtype=np.int64)
    for k in range(len(parameters.classes)):
        mine = np.flatnonzero(parameters.group_class == k)
        share = parameters.group_share[mine]
        groups[classes == k] = rng.choice(mine, size=int((classes == k).sum()), p=share / share.sum())
    return groups


def _variances(parameters: Parameters) -> tuple[Floats, Floats]:
    """Return (K, p) variance left for the noise of each gene, and (K, p) the standard deviation of the sum."""
    explained = np.empty_like(parameters.shift)
    for k in range(len(explained)):
        mine = parameters.group_class == k
        share = parameters.group_share[mine] / parameters.group_share[mine].sum()
        centres = parameters.group_mean[mine] @ parameters.loadings
        spread = parameters.group_sd[mine] ** 2 @ parameters.loadings**2
        explained[k] = share @ (centres**2 + spread) - (share @ centres) ** 2
    own = np.maximum(1 - explained, _FLOOR)
    return own, np.sqrt(explained + own)


def _noise(parameters: Parameters, classes: NDArray[np.int64], name: str, rng: np.random.Generator) -> Floats:
    """Return (n, p) noise of unit variance: many weak modules and white noise."""
    n, p = len(classes), len(parameters.genes)
    fixed = stream(0, "simulated", name, "modules")  # the same for the cohort and its reference
    strength = np.arange(1, parameters.modules + 1) ** -parameters.module_decay
    common = fixed.standard_normal((parameters.modules, p)) * strength[:, None]
    common /= np.sqrt((common**2).sum(axis=0))
    noise: Floats = rng.standard_normal((n, p))
    noise *= np.sqrt(1 - parameters.module_share)
    shared = rng.standard_normal((n, parameters.modules)) @ common
    shared *= np.sqrt(parameters.module_share)
    noise += shared
    return noise


def _centres(parameters: Parameters, classes: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Return (n, p) class shifts; some people lean towards a related class, which keeps the mean of each class."""
    reach, lean = parameters.lean_reach, parameters.lean
    n_classes = len(lean)
    mixing = np.diag(1 - reach / 2 * lean.sum(axis=1)) + reach / 2 * lean
    pure = np.linalg.solve(mixing, parameters.shift)  # (K, p)
    u = rng.random((len(classes), 1))
    towards = (u > np.cumsum(lean, axis=1)[classes]).sum(axis=1)  # n_classes: leans to none
    part = reach * rng.random(len(classes)) * (towards < n_classes)
    weights = np.zeros((len(classes), n_classes))
    weights[np.arange(len(classes)), classes] = 1 - part
    weights[np.arange(len(classes)), np.minimum(towards, n_classes - 1)] += part
    centres: Floats = weights @ pure
    return centres


def bend(u: Floats, skew: Floats, tail: Floats) -> Floats:
    """Return the sinh-arcsinh transform of standard normal values, standardised to mean 0 and variance 1.

    Parameters
    ----------
    u : (n, p) standard normal values
    skew, tail : (p,) shape; 0 and 1 leave u as it is, tail below 1 is heavy
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    at_nodes = np.sinh((np.arcsinh(nodes)[:, None] + skew) / tail)  # (61, p)
    mean = weights @ at_nodes
    sd = np.sqrt(weights @ (at_nodes - mean) ** 2)
    bent: Floats = np.arcsinh(u)
    bent += skew
    bent /= tail
    np.sinh(bent, out=bent)
    bent -= mean
    bent /= sd
    return bent
