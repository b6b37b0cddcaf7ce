"""DP-GEN as published, with the epsilon that its authors claim, which is refuted: a warning, not a method."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench import Images, PluginError, PrivacyClaim, generator

from .._nets import check_positive
from .._torch import pick_device, torch_generator
from ._dpgen_mechanism import answers, answers_to
from ._image_nets import DenseNet

_DRAWS = 4096  # at once
REFUTED = "claim of its authors, refuted (Dockhorn et al. 2023, appendix B): certified epsilon none"


@generator(
    "dpgen",
    family="diffusion",
    modalities=("images",),
    needs=("torch",),
    doi="10.1109/CVPR52688.2022.00824",
    quick={"hidden": 16, "steps": 3, "levels": 5},
    gpus=1,
)
@dataclass(kw_only=True)
class DpGen:
    """Train a score network on training images chosen by randomised response, and label its samples by a classifier.

    Faithful to the paper and to its code: noisy images are answered with training images (`_dpgen_mechanism`), the
    network is trained on these pairs without privacy, samples come from annealed Langevin dynamics, and a
    classifier that was trained on the real images and labels, without privacy, labels them. The claim is the
    authors', and it is wrong: what is answered is always a training image, so no finite epsilon holds, and the labels'
    classifier is outside any budget. A dense network takes the place of their RefineNet.

    References
    ----------
    Chen et al. (2022), DPGEN: differentially private generative energy-guided network, CVPR.
    Dockhorn, Cao, Vahdat and Kreis (2023), TMLR, appendix B (the refutation).
    """

    epsilon: float = 10.0  # claimed
    batch: int = 256  # k, the images that are candidates
    reach: float = 5.0  # beta: candidates lie within so many noise levels
    levels: int = 232
    largest: float = 50.0
    smallest: float = 0.01
    langevin: int = 5  # steps a level
    step_size: float = 6.2e-6
    hidden: int = 256
    blocks: int = 2
    steps: int = 1500
    lr: float = 1e-3

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        """Train the score network on answered pairs and the classifier on the real labels."""
        check_positive(
            "dpgen", epsilon=self.epsilon, batch=self.batch, reach=self.reach, levels=self.levels, steps=self.steps,
            hidden=self.hidden, smallest=self.smallest,
        )  # fmt: skip
        if self.largest <= self.smallest:
            raise PluginError(
                f"dpgen: largest is {self.largest} and smallest {self.smallest}; expected it to be larger."
            )
        draw, device = torch_generator(rng), pick_device()
        self.like_ = images.take(np.arange(0))
        X = images.X.astype(np.float64)
        net = DenseNet(X.shape[1], 1, self.hidden, self.blocks, draw).to(device)
        optimiser = torch.optim.Adam(net.parameters(), lr=self.lr)
        scale = self._scale()
        for _ in range(self.steps):
            rows = rng.permutation(len(X))[: self.batch]
            level = int(rng.integers(self.levels))
            noisy, chosen = answers(X[rows], float(scale[level]), self.epsilon, self.reach, rng)
            x = torch.from_numpy(noisy).float().to(device)
            target = torch.from_numpy(X[rows][chosen]).float().to(device)
            s = torch.full((len(x),), float(scale[level]), device=device)
            loss = (s[:, None] * self._score(net, x, s) + (x - target) / s[:, None]).square().mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        self.net_ = net.cpu().eval()
        self.classifier_ = _classifier(X, images.y)
        return self

    def _scale(self) -> NDArray[np.float64]:
        """Return the falling noise levels."""
        return np.geomspace(self.largest, self.smallest, self.levels)

    @staticmethod
    def _score(net: torch.nn.Module, x: Tensor, s: Tensor) -> Tensor:
        """Return the score (n, d) of noisy images; the network's zero is that of data around grey."""
        total = (s.square() + 0.1).sqrt()[:, None]
        codes = torch.zeros(len(x), dtype=torch.long, device=x.device)
        found: Tensor = net((x - 0.5) / total, s.log() / 4, codes) / s[:, None] - (x - 0.5) / total.square()
        return found

    @torch.no_grad()
    def sample(self, n: int, *, rng: np.random.Generator) -> Images:
        """Return n images by annealed Langevin dynamics, labelled by the classifier."""
        draw = torch_generator(rng)
        x = torch.rand(n, self.like_.n_genes, generator=draw)
        for level in self._scale().tolist():
            s = torch.full((n,), level)
            step = self.step_size * (level / self.smallest) ** 2
            for _ in range(self.langevin):
                x = x + step * self._score(self.net_, x, s)
                x = x + (2 * step) ** 0.5 * torch.randn(x.shape, generator=draw)
        last = torch.full((n,), self.smallest)
        X = (x + self.smallest**2 * self._score(self.net_, x, last)).clamp(0, 1).double().numpy()
        return self.like_.synthetic(X, self.classifier_.predict(X) if n else np.empty(0, dtype=np.str_))

    def mechanism_draws(
        self, images: Images, row: int, n: int, *, rng: np.random.Generator
    ) -> Iterator[NDArray[np.float32]]:
        """Yield what one training image is answered with, (n, n_features) in parts: the mechanism of the claim alone.

        Minibatch and noise level are drawn once; the noise and the answer are drawn anew each time.
        """
        others = rng.permutation(np.delete(np.arange(len(images)), row))[: self.batch - 1]
        X, level = images.X[np.append(row, others)], float(rng.choice(self._scale()))
        batch = X.astype(np.float64)
        for start in range(0, n, _DRAWS):
            own = np.zeros(min(_DRAWS, n - start), dtype=np.int64)
            noisy = batch[own] + rng.normal(0, level, (len(own), batch.shape[1]))
            yield X[answers_to(noisy, own, batch, level, self.epsilon, self.reach, rng)]

    def claim(self) -> PrivacyClaim:
        """Return what the authors claim, and what it leaves out."""
        return PrivacyClaim(
            mechanism=f"randomised response over training images ({REFUTED})",
            unit="one image",
            neighbours="replace-one",
            epsilon=self.epsilon,
            delta=0.0,
            accountant="of the authors, one response; its support is the data",
            outside=(
                "every answer is a training image, in one training only",
                "the score network, trained without privacy",
                "labels by a classifier trained without privacy",
            ),
        )


def _classifier(X: NDArray[np.float64], y: NDArray[np.str_]) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    with warnings.catch_warnings():  # that it could go on is no news
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPClassifier((64,), max_iter=60, random_state=0).fit(X, y)
