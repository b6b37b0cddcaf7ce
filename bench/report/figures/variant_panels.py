"""Draws the linkage of each release of variants beside that of real people, its decay, and the allele frequencies."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.core.records import Records
from bench.core.variants import Variants
from bench.datasets import Dataset
from bench.engine.releases import Releases
from bench.registry.digests import own_digest
from bench.report.figures.png_files import draw_png, fingerprint_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
_SITES = 300  # neighbouring sites in a triangle; more could not be told apart
_ACROSS = 4  # panels beside one another
_WIDE = 120  # characters in a line of the title
_BINS = 20  # of distance, with as many pairs each
_FREQUENCIES = np.linspace(0, 0.5, 21)


def draw_variants(path: Path, found: Releases, dataset: Dataset) -> None:
    """Draw the releases of one fold; nothing for other data than variants."""
    real = found.split.holdout
    if not isinstance(real, Variants):
        return
    releases = {name: made for name, made in found.named().items() if isinstance(made, Variants)}
    digests = {name: made.digest for name, made in {"real": real, **releases}.items()}
    code = own_digest("bench.report.figures.variant_panels")
    fingerprint = fingerprint_of(code, dataset.title, dataset.simulated, list(digests.items()))
    draw_png(path, fingerprint, lambda: variants_figure(real, releases, dataset.title))


def variants_figure(real: Variants, releases: Mapping[str, Records], title: str) -> Figure | None:
    """Return triangles of linkage, one panel a release, and below them decay and spectrum of all of them.

    Parameters
    ----------
    real : held-out people
    releases : variants by the name above their panel
    title : of the data
    """
    from matplotlib.figure import Figure

    if not releases:
        return None
    down = -(-len(releases) // _ACROSS)
    figure = Figure(figsize=(2.7 * _ACROSS, 2.7 * down + 3.2), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=[2.6 * down, 3.0])
    above, below = halves
    _triangles(above, real, releases, down)
    decay, spectrum = below.subplots(1, 2)
    for name, made in {"held-out people": real, **releases}.items():
        assert isinstance(made, Variants)
        style: dict[str, Any] = {"color": "black", "linewidth": 2.2} if made is real else {"linewidth": 1.0}
        distance, r2 = decay_of(made)
        decay.plot(distance / 1000, r2, label=name, **style)
        spectrum.plot(_middles(), shares_of(made), label=name, **style)
    decay.set(xlabel="distance, kb", ylabel="mean r²", title="Decay of linkage")
    spectrum.set(xlabel="minor-allele frequency", ylabel="share of sites", title="Spectrum", yscale="log")
    spectrum.legend(fontsize=6, ncols=2)
    note = "r² of neighbouring sites: release below the diagonal, held-out people above it"
    figure.suptitle(f"{textwrap.fill(title, _WIDE)}\n{note}", fontsize=9)
    return figure


def _triangles(figure: Any, real: Variants, releases: Mapping[str, Records], down: int) -> None:
    places = figure.subplots(down, _ACROSS, squeeze=False).ravel()
    truth = squares(real)
    for place in places:
        place.set_axis_off()
    shown = None
    for place, (name, made) in zip(places, releases.items(), strict=False):
        assert isinstance(made, Variants)
        both = np.where(np.tri(len(truth), dtype=bool), squares(made), truth)
        shown = place.imshow(both, cmap="magma_r", vmin=0, vmax=1, interpolation="nearest")
        place.set_title(name, fontsize=8)
    figure.colorbar(shown, ax=list(places), shrink=0.7, label="r²")


def squares(people: Variants, most: int = _SITES) -> Floats:
    """Return (n, n) r2 of the first sites, over haplotypes or genotypes; a site that does not vary has 0 with all."""
    calls = people.calls[:, :, :most].reshape(-1, min(most, people.n_sites)).astype(np.float64)
    missing = calls < 0
    known = np.maximum((~missing).sum(axis=0), 1)
    x = np.where(missing, 0, calls - np.where(missing, 0, calls).sum(axis=0) / known)  # a missing call is the mean
    product, spread = x.T @ x, np.sqrt((x**2).sum(axis=0))
    scale = np.outer(spread, spread)
    r: Floats = np.divide(product, scale, out=np.zeros_like(product), where=scale > 1e-9)
    return r**2


def decay_of(people: Variants) -> tuple[Floats, Floats]:
    """Return (n_bins,) mean distance in bases and mean r2 of pairs of the first sites on one chromosome."""
    r2 = squares(people)
    first, second = np.triu_indices(len(r2), 1)
    chromosomes, positions = people.chromosomes[: len(r2)], people.positions[: len(r2)]
    together = chromosomes[first] == chromosomes[second]
    first, second = first[together], second[together]
    distance = np.abs(positions[second] - positions[first])
    order = np.argsort(distance, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    values = r2[first, second]
    return np.array([distance[part].mean() for part in bins]), np.array([values[part].mean() for part in bins])


def shares_of(people: Variants) -> Floats:
    """Return the share of sites in each of 20 bins of minor-allele frequency."""
    frequency = np.nan_to_num(people.frequencies)
    counts = np.histogram(np.minimum(frequency, 1 - frequency), _FREQUENCIES)[0]
    shares: Floats = counts / max(1, counts.sum())
    return shares


def _middles() -> Floats:
    middles: Floats = (_FREQUENCIES[1:] + _FREQUENCIES[:-1]) / 2
    return middles
