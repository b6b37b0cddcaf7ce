"""Train on synthetic, test on real, with a dense and a convolutional network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from bench import Images, Measure, fold_fact, metric

_KINDS = ("mlp", "cnn")
_BATCH = 64
_FEWEST = 10  # images to train on


@metric(
    "image_classifiers",
    modalities=("images",),
    family="utility",
    needs=("torch",),
    measures=(
        Measure("balanced_accuracy_mlp_synthetic", "higher", 0, 1, real="balanced_accuracy_mlp_real"),
        Measure("balanced_accuracy_mlp_real", "none", 0, 1),
        Measure(
            "balanced_accuracy_cnn_synthetic",
            "higher",
            0,
            1,
            table="utility",
            rank=6,
            title="balanced acc CNN",
            real="balanced_accuracy_cnn_real",
        ),
        Measure("balanced_accuracy_cnn_real", "none", 0, 1, table="utility", rank=7, title="balanced acc CNN real"),
    ),
)
@dataclass(kw_only=True)
class ImageClassifiers:
    """Return the mean recall over classes of networks trained on the release, and on the training images.

    MLP: one hidden layer of 100. CNN: two 3 x 3 convolutions (16 and 32 channels), each with a 2 x 2 maximum, then a
    dense layer. A fifth of what a network is trained on chooses, by its mean recall, after which of at most `epochs`
    epochs it is tested: never the held-out images, and never a real image where the release trains it. The seed is
    fixed, so that releases differ by their images alone. Classes the release lacks are never predicted. NaN with fewer
    than 10 images or without a held-out image.
    """

    epochs: int = 15

    def __call__(
        self, train: Images, holdout: Images, synthetic: Images, *, rng: np.random.Generator
    ) -> Mapping[str, float]:
        """Return the measures of both networks."""
        values = {}
        for kind in _KINDS:
            values[f"balanced_accuracy_{kind}_synthetic"] = score(synthetic, holdout, kind, self.epochs)
            values[f"balanced_accuracy_{kind}_real"] = _real_score(train, holdout, kind=kind, epochs=self.epochs)
        return values


@fold_fact
def _real_score(train: Images, holdout: Images, *, kind: str, epochs: int) -> float:
    return score(train, holdout, kind, epochs)


def score(taught: Images, asked: Images, kind: str, epochs: int) -> float:
    """Return the balanced accuracy on `asked` of a network of this kind trained on `taught`."""
    if len(taught) < _FEWEST or len(asked) == 0:
        return nan
    taught = taught.take(np.lexsort([*taught.X.T, taught.y]))  # the draws below follow the images, not their order
    draw = torch.Generator().manual_seed(1)
    labels, codes = np.unique(taught.y, return_inverse=True)
    order = torch.randperm(len(taught), generator=draw)
    held, used = order[: len(order) // 5], order[len(order) // 5 :]
    x, y = _tensor(taught), torch.from_numpy(codes)
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own stream
        torch.manual_seed(1)
        net = _net(kind, taught.shape, len(labels))
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    best, answer = -1.0, np.empty(0, dtype=np.int64)
    for _ in range(epochs):
        for rows in torch.split(used[torch.randperm(len(used), generator=draw)], _BATCH):
            loss = functional.cross_entropy(net(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        found = balanced(y[held].numpy(), _answers(net, x[held]))
        if found > best:
            best, answer = found, _answers(net, _tensor(asked))
    return balanced(asked.y, labels[answer])


def balanced(truth: NDArray[np.generic], answer: NDArray[np.generic]) -> float:
    """Return the mean recall over the classes that occur."""
    return float(np.mean([np.mean(answer[truth == label] == label) for label in np.unique(truth)]))


def _tensor(images: Images) -> torch.Tensor:
    return torch.from_numpy(images.X.reshape(len(images), *images.shape).copy()).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def _answers(net: nn.Module, x: torch.Tensor) -> NDArray[np.int64]:
    found: NDArray[np.int64] = net(x).argmax(dim=1).numpy()
    return found


def _net(kind: str, shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    height, width, channels = shape
    if kind == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(height * width * channels, 100), nn.ReLU(), nn.Linear(100, n_classes)
        )
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
        nn.Flatten(), nn.Linear(32 * -(-height // 4) * -(-width // 4), n_classes),
    )  # fmt: skip
