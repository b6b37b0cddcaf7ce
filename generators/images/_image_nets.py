"""Networks of images, seen as vectors, with a noise level and a class: one of dense layers, one of convolutions.

Nothing in them mixes the images of a batch, so that each image has a gradient of its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .._nets import dense

NETS = ("mlp", "unet")
_TIME = 32  # sines and cosines of the noise level
_GROUPS = 4


def level_features(noise: Tensor, width: int = _TIME) -> Tensor:
    """Return (n, width) sines and cosines of c_noise (n,), whose useful range is about -2 to 2."""
    rates = torch.exp(torch.linspace(0, math.log(64.0), width // 2, device=noise.device))
    angles = noise[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class DenseNet(nn.Module):
    """Residual dense blocks between a linear map from all pixels and one back, scaled and shifted by level and class.

    The last map starts as zero.
    """

    def __init__(self, d: int, n_classes: int, width: int, blocks: int, draw: torch.Generator) -> None:
        super().__init__()
        self.level = dense(_TIME, width, draw)
        self.labels = _embedding(n_classes, width, draw)
        self.into, self.out = dense(d, width, draw), dense(width, d, draw)
        self.first = nn.ModuleList(dense(width, width, draw) for _ in range(blocks))
        self.second = nn.ModuleList(dense(width, width, draw) for _ in range(blocks))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, noise: Tensor, y: Tensor) -> Tensor:
        """Return (n, d) of x (n, d), c_noise (n,) and class codes y (n,)."""
        condition = self.level(level_features(noise)) + self.labels(y)
        h = self.into(x) + condition
        for first, second in zip(self.first, self.second, strict=True):
            h = h + second(functional.silu(first(functional.silu(h)) + condition))
        found: Tensor = self.out(functional.silu(h))
        return found


class SmallUNet(nn.Module):
    """Two resolutions of convolutions with a bridge, for images of 8 x 8 to 28 x 28; the last map starts as zero.

    Parameters
    ----------
    shape : height, width, channels; height and width even
    width : channels at full size, a multiple of 4; twice as many at half size
    """

    def __init__(self, shape: tuple[int, int, int], n_classes: int, width: int, draw: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        wide = 2 * width
        self.level = dense(_TIME, wide, draw)
        self.labels = _embedding(n_classes, wide, draw)
        self.into = _conv(shape[2], width, draw)
        self.down = _Block(width, width, wide, draw)
        self.shrink = _conv(width, wide, draw, stride=2)
        self.middle = _Block(wide, wide, wide, draw)
        self.grow = _conv(wide, width, draw)
        self.up = _Block(2 * width, width, wide, draw)
        self.out = _conv(width, shape[2], draw)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, noise: Tensor, y: Tensor) -> Tensor:
        """Return (n, d) of x (n, d), c_noise (n,) and class codes y (n,)."""
        height, width, channels = self.shape
        condition = functional.silu(self.level(level_features(noise)) + self.labels(y))
        image = x.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
        fine = self.down(self.into(image), condition)
        coarse = self.middle(self.shrink(fine), condition)
        grown = self.grow(functional.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        found = self.out(functional.silu(self.up(torch.cat([grown, fine], dim=1), condition)))
        flat: Tensor = found.permute(0, 2, 3, 1).reshape(len(x), -1)
        return flat


class _Block(nn.Module):
    def __init__(self, into: int, out: int, condition: int, draw: torch.Generator) -> None:
        super().__init__()
        self.first, self.second = _conv(into, out, draw), _conv(out, out, draw)
        self.around = _conv(into, out, draw, side=1)
        self.modulate = dense(condition, out, draw)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.first(functional.silu(functional.group_norm(x, _GROUPS)))
        h = h + self.modulate(condition)[:, :, None, None]
        h = self.second(functional.silu(functional.group_norm(h, _GROUPS)))
        found: Tensor = self.around(x) + h
        return found


def _embedding(n_classes: int, width: int, draw: torch.Generator) -> nn.Embedding:
    return nn.Embedding(n_classes, width, _weight=0.5 * torch.randn(n_classes, width, generator=draw))


def _conv(into: int, out: int, draw: torch.Generator, side: int = 3, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(into, out, side, stride=stride, padding=side // 2)
    bound = 1 / math.sqrt(into * side * side)
    with torch.no_grad():
        layer.weight.copy_((2 * torch.rand(layer.weight.shape, generator=draw) - 1) * bound)
        layer.bias.zero_()  # type: ignore[union-attr]
    return layer


def make_net(
    kind: str, shape: tuple[int, int, int], n_classes: int, width: int, blocks: int, draw: torch.Generator
) -> nn.Module:
    """Return a network of the kind ``mlp`` or ``unet`` for images of this shape."""
    if kind == "mlp":
        return DenseNet(math.prod(shape), n_classes, width, blocks, draw)
    return SmallUNet(shape, n_classes, width, draw)
