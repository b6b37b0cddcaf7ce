"""DeepType: a network that tells classes, groups people into clusters and selects genes, as a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import Cohort, PluginError, PrivacyClaim, ReleasedModel, generator, integer_seed

from .._discretise import public_range
from .._dpsgd import PrivateSteps, train_privately
from .._nets import check_positive
from .._torch import torch_generator
from ._deeptype_net import Net, answers, warmed
from ._teaching import lesson


@generator(
    "deeptype", family="classifier", releases="model", opt_in=True, needs=("torch", "opacus"), trains=("train_on",),
    doi="10.1093/bioinformatics/btz769", quick={"hidden": 32, "width": 16, "steps": 60, "cycles": 2, "inner": 10},
)  # fmt: skip
@dataclass(kw_only=True)
class DeepType:
    """Release DeepType: classes, clusters of people and few genes learnt by one loss in two stages.

    First classes and genes, by Adam on batches while the group penalty rises; then, in cycles, k-means of everybody's
    representation and Adam on one batch with the centres held. Genes are the `genes` of largest variance, each on [0,
    1] by its minimum and maximum among the people trained on (the published code takes those of test people too). The
    release holds the centres of the clusters and the length of each gene's weights; a gene counts as selected if its
    length is at least `selected` of the largest, because Adam gives no exact zeros.

    ``private=true`` trains by per-example DP-SGD at the noise multiplier `sigma`, for `steps` steps at the batch rate
    `rate`, as published in 2022 (doi:10.1109/ICHI54592.2022.00101), but end to end: genes are scaled by the public
    range of the units and none is left out, and there are neither clusters, whose centres nothing would protect, nor
    the penalty. Epsilon is what follows. `clip` moves the network no more than lr * clip * steps, whatever sigma: with
    ``scale_lr=true`` the learning rate is divided by `clip`, so that a small clip still trains.
    """

    alpha: float = 0.006  # weight of the group penalty
    beta: float = 1.2  # weight of the clusters
    clusters: int = 11
    genes: int = 20_000
    hidden: int = 1024
    width: int = 512  # of the representation
    steps: int = 1200  # of the first stage, or of all if private
    cycles: int = 100  # of the second
    inner: int = 100  # steps in a cycle
    batch: int = 256
    lr: float = 1e-3
    selected: float = 0.05  # share of the largest length from which a gene counts as selected
    private: bool = False
    sigma: float = 1.0  # noise multiplier, if private
    clip: float = 1.0  # length to which a person's gradient is shortened, if private
    rate: float = 0.041666666666666664  # probability to be in a batch, if private; published 1/24
    scale_lr: bool = True  # divide lr by clip, if private
    delta: float = 1e-5
    low: float | None = None  # public range of a gene, if private; None is the usual one of the units
    high: float | None = None
    train_on: str = ""  # a generator of data, such as private_pgm[epsilon=4]; empty: the people themselves
    n_synthetic: int = 1000  # people it draws

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Train the network on the cohort or on a release of it."""
        check_positive("deeptype", hidden=self.hidden, width=self.width, steps=self.steps, lr=self.lr, batch=self.batch)
        if self.private and self.train_on:
            raise PluginError("deeptype: private=true and train_on exclude each other; the release is private already.")
        self.lesson_ = lesson(cohort, self.train_on, self.n_synthetic, rng)
        self._scale(cohort)
        draw = torch_generator(rng)
        x = torch.from_numpy(self._scaled(self.lesson_.X).astype(np.float32))
        codes = torch.from_numpy(self.lesson_.codes)
        sizes = (x.shape[1], self.hidden, self.width, len(self.lesson_.classes))
        self.net_ = Net(sizes, draw)
        self.centres_ = np.zeros((0, self.width))
        if self.private:
            self._train_privately(x, codes, rng)
        else:
            self._learn_classes(x, codes, draw)
            self._learn_clusters(x, codes, rng)
        return self

    def _scale(self, cohort: Cohort) -> None:
        """Choose genes and their range: public if private, else those of the people trained on."""
        X = self.lesson_.X
        if self.private:
            low, high = public_range(cohort.units, self.low, self.high)
            self.kept_ = np.arange(X.shape[1])
            self.low_, self.width_ = np.full(X.shape[1], low), np.full(X.shape[1], high - low)
            return
        order = np.argsort(-X.var(axis=0, dtype=np.float64), kind="stable")
        self.kept_ = np.sort(order[: self.genes])
        low, high = (edge(axis=0).astype(np.float64)[self.kept_] for edge in (X.min, X.max))
        self.low_, self.width_ = low, np.where(high > low, high - low, 1.0)

    def _scaled(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        return scaled(X, self.kept_, self.low_, self.width_, clip=self.private)

    def _learn_classes(self, x: Tensor, codes: Tensor, draw: torch.Generator) -> None:
        optimiser = torch.optim.Adam(self.net_.parameters(), lr=self.lr, fused=True)
        size = min(self.batch, len(x))
        for step in range(self.steps):
            rows = torch.randperm(len(x), generator=draw)[:size]
            loss = nn.functional.cross_entropy(self.net_(x[rows]), codes[rows])
            self._step(optimiser, loss + warmed(self.alpha, step) * self.net_.gene_lengths().sum())

    def _learn_clusters(self, x: Tensor, codes: Tensor, rng: np.random.Generator) -> None:
        from sklearn.cluster import KMeans  # slow to import

        optimiser = torch.optim.Adam(self.net_.parameters(), lr=self.lr, fused=True)
        starts = range(0, len(x), self.batch)
        for cycle in range(self.cycles):
            with torch.no_grad():
                everybody = self.net_.represent(x).numpy()
            k = min(self.clusters, len(np.unique(everybody, axis=0)))
            found = KMeans(k, n_init=1, max_iter=50, tol=0.01, random_state=integer_seed(rng) % 2**32).fit(everybody)
            self.centres_ = found.cluster_centers_.astype(np.float64)
            begin = starts[cycle % len(starts)]
            rows = slice(begin, begin + self.batch)
            goal = torch.from_numpy(found.cluster_centers_[found.labels_[rows]].astype(np.float32))
            for _ in range(self.inner):
                h = self.net_.represent(x[rows])
                loss = nn.functional.cross_entropy(self.net_.third(h), codes[rows])
                loss = loss + self.beta * (h - goal).square().sum(dim=1).mean()
                self._step(optimiser, loss + self.alpha * self.net_.gene_lengths().sum())

    def _step(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def _train_privately(self, x: Tensor, codes: Tensor, rng: np.random.Generator) -> None:
        self.plan_ = PrivateSteps(self.steps, self.rate, self.sigma)
        lr = self.lr / self.clip if self.scale_lr else self.lr
        optimiser = torch.optim.SGD(self.net_.parameters(), lr=lr)

        def loss(net: nn.Module, rows: Tensor) -> Tensor:
            return nn.functional.cross_entropy(net(x[rows]), codes[rows], reduction="none")

        train_privately(
            self.net_, loss, len(x), self.plan_, optimiser, clip=self.clip, divisor=float(self.batch), rng=rng
        )

    def release(self, *, rng: np.random.Generator) -> ReleasedModel:
        """Return weights, scale, centres of clusters, and which genes were selected."""
        lengths = self.net_.gene_lengths().detach().numpy().astype(np.float64)
        arrays = {
            **self.net_.arrays(), "kept": self.kept_, "low": self.low_, "width": self.width_,
            "clipped": np.array(self.private), "centres": self.centres_, "gene_lengths": lengths,
            "selected": lengths >= self.selected * lengths.max(),
        }  # fmt: skip
        return ReleasedModel(arrays, self.lesson_.classes, self.lesson_.features)

    def predict_proba(self, model: ReleasedModel, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return class probabilities (n, n_classes)."""
        a = model.arrays
        return answers(a, scaled(X, a["kept"], a["low"], a["width"], clip=bool(a["clipped"])))

    def claim(self) -> PrivacyClaim | None:
        """Return what DP-SGD spent, or the guarantee of the release that the network was trained on."""
        if not self.private:
            return self.lesson_.claim
        return PrivacyClaim(
            mechanism=f"DP-SGD, noise multiplier {self.sigma:g}, clip {self.clip:g}",
            unit="one sample",
            neighbours="add-remove",
            epsilon=self.plan_.epsilon(self.delta),
            delta=self.delta,
            accountant=self.plan_.account,
        )


def scaled(
    X: NDArray[np.float32], kept: NDArray[np.intp], low: NDArray[np.float64], width: NDArray[np.float64], *, clip: bool
) -> NDArray[np.float64]:
    """Return the kept genes (n, n_kept) on [0, 1]; others than the people trained on may lie outside."""
    found: NDArray[np.float64] = (X[:, kept] - low) / width
    return np.clip(found, 0, 1) if clip else found
