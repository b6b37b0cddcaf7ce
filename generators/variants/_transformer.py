"""A small transformer that writes sequences token by token, each position with tables of its own.

A token is a few neighbouring calls, packed into one number, so that every sequence of tokens is a sequence of calls.
What stands at a position means something only there; hence each position has its own input table, its own output head
and its own output bias, which starts at the logarithm of how frequent its tokens are. Nothing here touches torch's
global random state.

References
----------
Vaswani et al. (2017), Attention is all you need, NeurIPS; Radford et al. (2019), GPT-2 (layer norms before the blocks).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._nets import dense
from ._sequences import Calls

_SMALL = 0.02  # standard deviation of initial tables, as in GPT-2


@dataclass(frozen=True)
class Packing:
    """How calls become tokens and back.

    Parameters
    ----------
    n_sites : number of calls in a sequence
    alphabet : number of values of a call
    calls : calls a token
    """

    n_sites: int
    alphabet: int
    calls: int

    @property
    def n_tokens(self) -> int:
        """Tokens in a sequence; the last one is filled up with zeros."""
        return -(-self.n_sites // self.calls)

    @property
    def vocabulary(self) -> int:
        """Number of different tokens."""
        return int(self.alphabet**self.calls)

    @property
    def _powers(self) -> NDArray[np.int64]:
        return self.alphabet ** np.arange(self.calls, dtype=np.int64)

    def pack(self, calls: Calls) -> Tensor:
        """Return (n, n_tokens) tokens of (n, n_sites) calls."""
        padded = np.zeros((len(calls), self.n_tokens * self.calls), dtype=np.int64)
        padded[:, : self.n_sites] = calls
        return torch.from_numpy(padded.reshape(len(calls), self.n_tokens, self.calls) @ self._powers)

    def unpack(self, tokens: Tensor) -> Calls:
        """Return (n, n_sites) calls of (n, n_tokens) tokens."""
        digits = tokens.numpy()[:, :, None] // self._powers % self.alphabet
        found: Calls = digits.reshape(len(tokens), -1)[:, : self.n_sites].astype(np.int8)
        return found

    def log_frequencies(self, tokens: Tensor, pseudo: float) -> Tensor:
        """Return (n_tokens, vocabulary) log frequencies of the tokens at each position, with pseudo-counts."""
        at = tokens + torch.arange(self.n_tokens) * self.vocabulary
        counts = torch.bincount(at.flatten(), minlength=self.n_tokens * self.vocabulary).float() + pseudo
        table = counts.view(self.n_tokens, self.vocabulary)
        return (table / table.sum(dim=1, keepdim=True)).log()


class Block(nn.Module):
    """Attention to what came before, and a layer of hidden units."""

    def __init__(self, width: int, heads: int, draw: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = dense(width, 3 * width, draw), dense(width, width, draw)
        self.up, self.down = dense(width, 4 * width, draw), dense(4 * width, width, draw)

    def attend(self, x: Tensor, past: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return what attention adds to (n, length, width), and keys and values (n, heads, length, width / heads).

        With the keys and values of the positions before, x is the one position that follows them.
        """
        n, length, width = x.shape
        q, k, v = (
            part.view(n, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(width, dim=2)
        )
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)  # written out: it has a batching rule for vmap
        if past is None:
            later = torch.ones(length, length, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -math.inf)
        mixed = (scores.softmax(dim=3) @ v).transpose(1, 2).reshape(n, length, width)
        return self.out(mixed), (k, v)

    def think(self, x: Tensor) -> Tensor:
        """Return what the hidden units add."""
        hidden: Tensor = self.down(nn.functional.gelu(self.up(self.norm2(x))))
        return hidden


class Transformer(nn.Module):
    """Chances of each token from the tokens before it and the class of the sequence.

    Parameters
    ----------
    packing : how calls become tokens
    n_classes : number of labels
    layers, width, heads : size of the network
    bias : (n_tokens, vocabulary) the output bias to start from
    draw : for the initial weights
    """

    def __init__(
        self, packing: Packing, n_classes: int, *, layers: int, width: int, heads: int, bias: Tensor,
        draw: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        self.packing = packing
        t, v = packing.n_tokens, packing.vocabulary

        def table(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).normal_(0, _SMALL, generator=draw))

        self.tokens, self.head = table(t * v, width), table(t, width, v)
        self.positions, self.classes = table(t, width), table(n_classes, width)
        self.bias = nn.Parameter(bias.clone())
        self.blocks = nn.ModuleList([Block(width, heads, draw) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def _layers(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def _inputs(self, tokens: Tensor, classes: Tensor) -> Tensor:
        """Return (n, length, width): at position t the token before it, the position and the class."""
        n, length = tokens.shape
        numbers = tokens[:, :-1] + torch.arange(length - 1) * self.packing.vocabulary
        before = torch.cat([torch.zeros(n, 1, self.tokens.shape[1]), self.tokens[numbers]], dim=1)
        return before + self.positions[:length] + self.classes[classes][:, None]

    def forward(
        self, tokens: Tensor, classes: Tensor, *, dropout: float = 0.0, draw: torch.Generator | None = None
    ) -> Tensor:
        """Return (n, n_tokens, vocabulary) logits."""
        x = dropped(self._inputs(tokens, classes), dropout, draw)
        for block in self._layers():
            x = x + dropped(block.attend(x)[0], dropout, draw)
            x = x + dropped(block.think(x), dropout, draw)
        return torch.einsum("ntw,twv->ntv", self.norm(x), self.head) + self.bias

    def losses(self, tokens: Tensor, classes: Tensor, **more: float | torch.Generator | None) -> Tensor:
        """Return (n,) negative log-likelihoods of sequences, in nats."""
        logits = self(tokens, classes, **more)
        chosen = logits.gather(2, tokens[:, :, None])[:, :, 0]
        losses: Tensor = (logits.logsumexp(dim=2) - chosen).sum(dim=1)
        return losses

    @torch.no_grad()
    def write(self, classes: Tensor, draw: torch.Generator) -> Tensor:
        """Return (n, n_tokens) tokens drawn one after another; keys and values are kept, not computed again."""
        n, v = len(classes), self.packing.vocabulary
        tokens = torch.zeros(n, self.packing.n_tokens, dtype=torch.long)
        kept: list[tuple[Tensor, Tensor] | None] = [None] * len(self.blocks)
        for t in range(self.packing.n_tokens):
            x = self.positions[t] + self.classes[classes]
            if t > 0:
                x = x + self.tokens[tokens[:, t - 1] + (t - 1) * v]
            x = x[:, None]
            for i, block in enumerate(self._layers()):
                added, kept[i] = block.attend(x, kept[i])
                x = x + added
                x = x + block.think(x)
            logits = self.norm(x[:, 0]) @ self.head[t] + self.bias[t]
            tokens[:, t] = torch.multinomial(logits.softmax(dim=1), 1, generator=draw)[:, 0]
        return tokens


def dropped(x: Tensor, rate: float, draw: torch.Generator | None) -> Tensor:
    """Return x with a share of its entries set to 0 and the others scaled up, by a stream of its own."""
    if draw is None or rate == 0:
        return x
    return x * (torch.rand(x.shape, generator=draw) >= rate) / (1 - rate)


def parameters_of(net: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)
