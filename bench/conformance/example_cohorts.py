"""Example cohorts for checks, tests and docstrings: invented people whose truth is known, and the streams of checks."""

from __future__ import annotations

import numpy as np

from bench.boundary.handing_over import handed_over
from bench.core.cohort import Cohort
from bench.core.images import Images
from bench.core.records import Records
from bench.core.seeds import stream
from bench.core.variants import Variants
from bench.registry.declarations import PluginInfo

_GENES = 24
_BRIGHT = 16.0  # a value of white, twice the mean


def people(n: int, *path: str | int, genes: int = _GENES, apart: float = 1.0) -> Cohort:
    """Return a cohort of invented people in three classes, with skewed genes in two correlated modules.

    Parameters
    ----------
    n : int, how many people; the classes take turns
    path : str or int, the name of the draw: another path gives other people of the same population
    genes : int, how many genes; their names are not sorted
    apart : float, standard deviation of the means of the classes; at 0 nothing tells them apart

    Examples
    --------
    >>> from bench.conformance import people
    >>> people(6).y.tolist(), people(6).n_genes
    (['b', 'a', 'c', 'b', 'a', 'c'], 24)
    """
    rng = stream(7, "conformance", *path)
    y = np.array(["b", "a", "c"])[np.arange(n) % 3]
    centres = stream(7, "centres").normal(0, apart, (3, genes))[np.arange(n) % 3]  # (n, genes)
    modules = rng.standard_normal((n, 2)) @ np.repeat(np.eye(2), -(-genes // 2), axis=1)[:, :genes]
    X = 8 + centres + 0.7 * modules + 0.5 * rng.gumbel(size=(n, genes))
    names = tuple(f"GENE{(389 * i) % 1009:04d}" for i in range(genes))
    return Cohort(X=X.astype(np.float32), y=y, genes=names, samples=tuple(f"{path}{i}" for i in range(n)), units="log2")


def example(info: PluginInfo, n: int, *path: str | int, genes: int = _GENES, apart: float = 1.0) -> Records:
    """Return `people` in a modality that the plugin serves, named as in a run: expression, haplotypes or images."""
    if "expression" not in info.modalities and "variants" in info.modalities:
        return handed_over(haplotypes(n, *path, sites=genes, apart=apart))
    cohort = handed_over(people(n, *path, genes=genes, apart=apart))
    if "expression" in info.modalities:
        return cohort
    pixels = np.clip(cohort.X / _BRIGHT, 0, 1)[:, : genes // 4 * 4].reshape(n, 4, -1, 1)
    return handed_over(Images(pixels=pixels, y=cohort.y, samples=cohort.samples))


def haplotypes(n: int, *path: str | int, sites: int = _GENES, apart: float = 1.0) -> Variants:
    """Return invented people in three populations, each with two haplotypes at linked sites.

    A haplotype carries the alternate allele where an invented expression is above the threshold of the site, so that
    neighbouring sites are linked and frequencies run from rare to common.

    Parameters
    ----------
    n, path, apart : as for `people`
    sites : int, how many sites

    Examples
    --------
    >>> from bench.conformance import haplotypes
    >>> haplotypes(6).calls.shape, haplotypes(6).sites[0]
    ((6, 2, 24), '22:16050000:A>G')
    """
    both = [people(n, *path, "haplotype", copy, genes=sites, apart=apart) for copy in (1, 2)]
    above = 8.3 + 2.7 * (np.arange(sites) * 7 % 12) / 12
    calls = np.stack([above < cohort.X for cohort in both], axis=1)
    names = tuple(f"22:{16050000 + 137 * site}:A>G" for site in range(sites))
    return Variants(
        calls=calls.astype(np.int8), y=both[0].y, sites=names, samples=tuple(f"{path}{i}" for i in range(n))
    )


def check_rng(*path: str | int) -> np.random.Generator:
    """Return the random stream of a check."""
    return stream(11, "check", *path)
