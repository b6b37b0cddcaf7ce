"""The network of DeepType and its joint loss: classes, clusters and few genes at once.

Two layers of sigmoid units, kept off 0 and 1 by 1e-9, and a softmax. All weights and biases start normal with standard
deviation 0.02. The loss is cross-entropy + alpha * sum over genes of the length of the gene's row of the first weights
+ beta * mean squared distance of the second layer from the centre of the person's cluster.

Chen et al. (2020), Deep-learning approach to identifying cancer subtypes using high-dimensional genomic data,
Bioinformatics 36, doi:10.1093/bioinformatics/btz769; as the authors' code does it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax
from torch import Tensor, nn

from .._nets import dense

_EDGE = 1e-9  # sigmoid units stay so far from 0 and 1
_START = 0.02  # standard deviation of weights and biases
NAMES = ("weights_1", "bias_1", "weights_2", "bias_2", "weights_3", "bias_3")


class Net(nn.Module):
    """Genes -> hidden -> representation -> classes."""

    def __init__(self, sizes: tuple[int, int, int, int], draw: torch.Generator) -> None:
        super().__init__()
        layers = [dense(a, b, draw) for a, b in itertools.pairwise(sizes)]
        for layer in layers:
            with torch.no_grad():
                layer.weight.normal_(0, _START, generator=draw)
                layer.bias.normal_(0, _START, generator=draw)
        self.first, self.second, self.third = layers

    def represent(self, x: Tensor) -> Tensor:
        """Return the second layer, (n, representation)."""
        hidden = torch.sigmoid(self.first(x)).clamp(_EDGE, 1 - _EDGE)
        return torch.sigmoid(self.second(hidden)).clamp(_EDGE, 1 - _EDGE)

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores, (n, n_classes)."""
        scores: Tensor = self.third(self.represent(x))
        return scores

    def gene_lengths(self) -> Tensor:
        """Return the length of each gene's weights, (n_genes,)."""
        lengths: Tensor = self.first.weight.norm(dim=0)
        return lengths

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the weights by the names that `answers` reads."""
        values = [p.detach().cpu().numpy().astype(np.float64) for p in self.parameters()]
        return dict(zip(NAMES, values, strict=True))


def representation(arrays: Mapping[str, NDArray[Any]], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the second layer of scaled genes (n, n_genes), from arrays alone."""
    for layer in (1, 2):
        x = np.clip(expit(x @ arrays[f"weights_{layer}"].T + arrays[f"bias_{layer}"]), _EDGE, 1 - _EDGE)
    return x


def answers(arrays: Mapping[str, NDArray[Any]], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return class probabilities (n, n_classes) of scaled genes, from arrays alone."""
    scores = representation(arrays, x) @ arrays["weights_3"].T + arrays["bias_3"]
    shares: NDArray[np.float64] = softmax(scores, axis=1)
    return shares


def warmed(alpha: float, step: int) -> float:
    """Return the weight of the group penalty at a step of the first stage: it rises, and is whole from 99 % on."""
    risen = 1 - math.exp(-step / 300)
    return alpha if risen >= 0.99 else alpha * risen
