"""Layers, batches and scaling that the neural generators share, none of which touches torch's global random state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import PluginError


def check_positive(name: str, **values: float) -> None:
    """Raise a `PluginError` that names the first hyper-parameter that is not above 0."""
    for what, value in values.items():
        if not value > 0:
            raise PluginError(f"{name}: {what} is {value}; expected more than 0.")


def dense(n_in: int, n_out: int, draw: torch.Generator) -> nn.Linear:
    """Return a linear layer with torch's default initial distribution, drawn from `draw`."""
    layer = nn.Linear(n_in, n_out, device="meta").to_empty(device="cpu")  # made on "meta", nothing is drawn
    bound = n_in**-0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=draw)
        layer.bias.uniform_(-bound, bound, generator=draw)
    return layer


def relu_stack(sizes: tuple[int, ...], draw: torch.Generator) -> nn.Sequential:
    """Return linear layers of these sizes, each followed by a ReLU."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [dense(n_in, n_out, draw), nn.ReLU()]
    return nn.Sequential(*layers)


def epochs_of_batches(n: int, size: int, steps: int, draw: torch.Generator) -> Iterator[Tensor]:
    """Yield row indices for `steps` batches: every epoch is a new permutation, its last batch may be short."""
    done = 0
    while done < steps:
        order = torch.randperm(n, generator=draw)
        for start in range(0, n, size)[: steps - done]:
            yield order[start : start + size]
            done += 1


@dataclass
class Standardiser:
    """Maps genes to mean 0 and standard deviation 1 and back; a constant gene keeps its value."""

    mean: NDArray[np.float64]  # (n_genes,)
    scale: NDArray[np.float64]  # (n_genes,); 1 for a constant gene
    varies: NDArray[np.bool_]  # (n_genes,); False for a constant gene

    @classmethod
    def of(cls, X: NDArray[np.float32]) -> Self:
        """Measure mean and standard deviation on the (n, n_genes) training matrix."""
        mean, scale = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
        varies = scale > 1e-6 * np.maximum(np.abs(mean), 1)
        return cls(mean, np.where(varies, scale, 1.0), varies)

    def forward(self, X: NDArray[np.float32]) -> Tensor:
        """Return the standardised matrix as a float32 tensor."""
        return torch.from_numpy(((X - self.mean) / self.scale).astype(np.float32))

    def back(self, Z: Tensor) -> NDArray[np.float64]:
        """Return standardised values in the genes' own units."""
        values: NDArray[np.float64] = Z.numpy().astype(np.float64) * (self.scale * self.varies) + self.mean
        return values
