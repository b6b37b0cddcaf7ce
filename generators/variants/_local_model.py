"""A causal language model without hidden layers: each call from the calls written just before it, and the class.

Every site has weights of its own on the `reach` sites before it on its chromosome. The number of alternate alleles at a
site is binomial; its log odds are linear in what was written, so that the gradient of a person is known in closed form:
at each site what was expected less what was seen, times what was read there. Its norm needs no gradient (ghost
clipping), and one matrix product gives the sum of the clipped gradients of all people.

References
----------
Li, Tramer, Liang and Hashimoto (2022), Large language models can be strong differentially private learners, ICLR
(ghost clipping).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln

Floats = NDArray[np.float32]
Calls = NDArray[np.int8]
_BLOCK = 64  # sites whose weights are one matrix
_SAFE = 1 + 1e-4  # norms are summed in single precision, and clipped as if they were a little larger


@dataclass
class Weights:
    """Weights of a local model, or a gradient of them.

    Parameters
    ----------
    calls : (n_blocks, block, reach + block) of each site on what was written, 0 but in the `reach` places before it
    classes : (n_sites, n_classes)
    bias : (n_sites,)
    """

    calls: Floats
    classes: Floats
    bias: Floats

    def arrays(self) -> tuple[Floats, Floats, Floats]:
        """Return all arrays, those of calls first."""
        return self.calls, self.classes, self.bias


@dataclass(frozen=True, eq=False)
class People:
    """People as a local model reads them.

    Parameters
    ----------
    calls : (n, copies, n_sites) numbers of alternate alleles, -1 where missing
    read : (n, copies, n_sites) what the model reads, 0 where missing
    classes : (n, n_classes) one-hot, less the mean
    """

    calls: Floats
    read: Floats
    classes: Floats

    def take(self, rows: NDArray[np.intp]) -> People:
        """Return some of the people."""
        return People(self.calls[rows], self.read[rows], self.classes[rows])


@dataclass(eq=False)
class LocalModel:
    """Sites, what is read of them, and the weights.

    Parameters
    ----------
    expected : (n_sites,) frequency of the alternate allele from which the model starts, above 0 and below 1
    chromosomes : (n_sites,) chromosome of each site; nothing is read across chromosomes
    n_classes : number of labels
    reach : sites read before each site
    copies : sequences a person: 2 haplotypes, or 1 sequence of genotypes
    """

    expected: NDArray[np.float64]
    chromosomes: NDArray[np.str_]
    n_classes: int
    reach: int
    copies: int
    weights: Weights = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.expected)
        p = self.expected.astype(np.float32)
        spread = np.sqrt(np.sqrt(p * (1 - p)))  # between counts as they are and counts scaled to one variance
        self._mean = p * self.trials
        self._scale = np.sqrt(np.mean(p * (1 - p) / spread**2)) ** -1 / spread / np.float32(self.trials) ** 0.5
        self._mask = self._allowed(n)
        bias = np.log(p) - np.log1p(-p)
        self.weights = Weights(np.zeros_like(self._mask), np.zeros((n, self.n_classes), np.float32), bias)

    @property
    def trials(self) -> int:
        """Alleles that a call counts: 1 of a haplotype, 2 of a genotype."""
        return 2 // self.copies

    def _allowed(self, n: int) -> Floats:
        """Return (n_blocks, block, reach + block) 1 where a site reads a place, else 0."""
        starts = np.arange(0, n, _BLOCK)[:, None, None]
        site = starts + np.arange(_BLOCK)[:, None]
        place = starts + np.arange(self.reach + _BLOCK) - self.reach
        inside = (place >= 0) & (place < site) & (place >= site - self.reach) & (site < n)
        chromosome = np.unique(self.chromosomes, return_inverse=True)[1]
        same = chromosome[np.clip(place, 0, n - 1)] == chromosome[np.clip(site, 0, n - 1)]
        mask: Floats = (inside & same).astype(np.float32)
        return mask

    def people(self, calls: Calls, classes: NDArray[np.intp]) -> People:
        """Return (n, copies, n_sites) calls and (n,) class numbers as the model reads them."""
        known = calls.astype(np.float32)
        read = np.where(calls < 0, 0, (known - self._mean) * self._scale).astype(np.float32)
        hot = np.eye(self.n_classes, dtype=np.float32)[classes] - np.float32(1 / self.n_classes)
        return People(known, read, hot)

    def _windows(self, read: Floats) -> Iterator[tuple[int, slice, Floats]]:
        """Yield number, sites and (n, reach + block) what is read, of each block; read is (n, n_sites)."""
        n = read.shape[1]
        padded = np.zeros((len(read), self.reach + len(self._mask) * _BLOCK), np.float32)
        padded[:, self.reach : self.reach + n] = read
        for number, start in enumerate(range(0, n, _BLOCK)):
            yield number, slice(start, min(start + _BLOCK, n)), padded[:, start : start + self.reach + _BLOCK]

    def _through(self, read: Floats, matrices: Floats) -> Floats:
        """Return (n, n_sites) what each site makes of what it reads, by (n_blocks, block, reach + block) matrices."""
        found = np.empty_like(read)
        for number, sites, window in self._windows(read):
            found[:, sites] = (window @ matrices[number].T)[:, : sites.stop - sites.start]
        return found

    def surprise(self, people: People) -> Floats:
        """Return (n, copies, n_sites) the call less its expectation: 0 where it is missing."""
        chance = expit(self._logits(people))
        found: Floats = np.where(people.calls < 0, 0, people.calls - self.trials * chance)
        return found

    def _logits(self, people: People) -> Floats:
        flat = people.read.reshape(-1, people.read.shape[2])
        own = (people.classes @ self.weights.classes.T)[:, None]
        found: Floats = self._through(flat, self.weights.calls).reshape(people.read.shape) + own + self.weights.bias
        return found

    def reading(self, people: People) -> Floats:
        """Return (n, copies, copies, n_sites) inner products of what two sequences of a person are read as at a site.

        The class and the bias, which is read as 1, are among it. These are what norms of gradients are made of.
        """
        n, copies, n_sites = people.read.shape
        both = people.read[:, :, None] * people.read[:, None]  # (n, copies, copies, n_sites)
        found = self._through(both.reshape(-1, n_sites), self._mask).reshape(n, copies, copies, n_sites)
        found += 1 + (people.classes**2).sum(axis=1)[:, None, None, None]
        return found

    def norms(self, surprise: Floats, reading: Floats) -> Floats:
        """Return (n,) the L2 norms of people's gradients, both sequences summed; never too small."""
        squares = np.einsum("nas,nbs,nabs->n", surprise, surprise, reading, optimize=False)
        found: Floats = np.sqrt(np.maximum(squares, 0)) * np.float32(_SAFE)
        return found

    def clipped_sum(self, people: People, reading: Floats, clip: float) -> Weights:
        """Return the sum of people's gradients, each shortened to norm `clip`; up is towards likelier people."""
        surprise = self.surprise(people)
        share = np.minimum(1, clip / np.maximum(self.norms(surprise, reading), 1e-20))
        surprise = surprise * share[:, None, None].astype(np.float32)
        flat = surprise.reshape(-1, surprise.shape[2])
        calls = np.zeros_like(self._mask)
        for number, sites, window in self._windows(people.read.reshape(flat.shape)):
            calls[number, : sites.stop - sites.start] = flat[:, sites].T @ window
        summed = surprise.sum(axis=1)
        return Weights(calls * self._mask, summed.T @ people.classes, summed.sum(axis=0))

    def noise(self, sd: float, rng: np.random.Generator) -> Weights:
        """Return Gaussian noise of this standard deviation on every weight that can be other than 0."""
        calls, classes, bias = (
            rng.standard_normal(a.shape, dtype=np.float32) * np.float32(sd) for a in self.weights.arrays()
        )
        return Weights(calls * self._mask, classes, bias)

    def losses(self, people: People) -> NDArray[np.float64]:
        """Return (n,) negative log-likelihoods of people in nats; missing calls take no part."""
        z, x, trials = self._logits(people).astype(np.float64), people.calls.astype(np.float64), self.trials
        ways = gammaln(trials + 1) - gammaln(x + 1) - gammaln(trials - x + 1)
        nats = np.where(x < 0, 0, trials * np.logaddexp(0, z) - x * z - ways)
        found: NDArray[np.float64] = nats.sum(axis=(1, 2))
        return found

    def draw(self, classes: NDArray[np.intp], rng: np.random.Generator) -> Calls:
        """Return (n, copies, n_sites) calls of people of these classes, drawn site by site."""
        n, n_sites = len(classes) * self.copies, len(self.expected)
        hot = np.eye(self.n_classes, dtype=np.float32)[classes] - np.float32(1 / self.n_classes)
        own = np.repeat(hot @ self.weights.classes.T + self.weights.bias, self.copies, axis=0)
        calls = np.zeros((n, n_sites), np.int8)
        written = np.zeros((n, self.reach + n_sites), np.float32)
        for site in range(n_sites):
            block, at = divmod(site, _BLOCK)
            weights = self.weights.calls[block, at, at : at + self.reach]
            z = own[:, site] + written[:, site : site + self.reach] @ weights
            calls[:, site] = rng.binomial(self.trials, expit(z.astype(np.float64)))
            written[:, self.reach + site] = (calls[:, site] - self._mean[site]) * self._scale[site]
        return calls.reshape(len(classes), self.copies, n_sites)
