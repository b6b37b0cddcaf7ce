"""Small networks for attacks, drawn from the attack's own random stream; torch's global state is left alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from bench import integer_seed


def torch_stream(rng: np.random.Generator) -> torch.Generator:
    """Return a torch stream that continues the attack's own."""
    return torch.Generator().manual_seed(integer_seed(rng))


def dense(n_in: int, n_out: int, draw: torch.Generator, scale: float = 1.0) -> nn.Linear:
    """Return a linear layer with He-uniform weights times `scale` and zero bias."""
    bound = scale * math.sqrt(6 / n_in)
    layer = nn.Linear(n_in, n_out, device="meta")  # no memory and no draw from the global stream
    layer.weight = nn.Parameter((2 * torch.rand(n_out, n_in, generator=draw) - 1) * bound)
    layer.bias = nn.Parameter(torch.zeros(n_out))
    return layer


def train(
    model: nn.Module, loss: Callable[[Tensor], Tensor], n: int, *, steps: int, batch: int, lr: float,
    decay: float, draw: torch.Generator,
) -> None:  # fmt: skip
    """Run AdamW for some steps; `loss` gets row numbers, drawn by shuffling 0..n-1 again and again.

    One thread: the batches are so small that threads would only wait for each other.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _descend(model, loss, n, steps=steps, batch=batch, lr=lr, decay=decay, draw=draw)
    finally:
        torch.set_num_threads(threads)


def _descend(
    model: nn.Module, loss: Callable[[Tensor], Tensor], n: int, *, steps: int, batch: int, lr: float,
    decay: float, draw: torch.Generator,
) -> None:  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    order, at = torch.randperm(n, generator=draw), 0
    for _ in range(steps):
        if at + batch > n:
            order, at = torch.randperm(n, generator=draw), 0
        value = loss(order[at : at + batch])
        at += batch
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
