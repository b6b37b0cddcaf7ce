"""Private gradient steps with one gradient an image, however many noises its loss is averaged over.

The conventions are those of `generators._dpsgd`: Poisson batches, gradients of images shortened to `clip`, normal noise
of standard deviation ``sigma * clip`` on their sum, division by a number that does not depend on who is in the batch.
Averaging an image's loss over k noises comes before its gradient is shortened, and so costs no privacy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from .._dpsgd import PrivateSteps, poisson_batches, with_noise

# Returns the loss () of one image from the network, its row number and random numbers drawn for it.
ImageLoss = Callable[[Callable[..., Tensor], tuple[Tensor, ...]], Tensor]
Batch = Callable[[Tensor], tuple[Tensor, ...]]


def image_gradients(net: nn.Module, loss: ImageLoss, batch: tuple[Tensor, ...]) -> Mapping[str, Tensor]:
    """Return the gradient of each image's loss, (n, *shape) for every parameter.

    Parameters
    ----------
    loss : of one image, from the network as a function and the image's entries of the batch
    batch : tensors whose first axis is the image
    """
    weights = {name: value.detach() for name, value in net.named_parameters()}

    def one(weights: dict[str, Tensor], entries: tuple[Tensor, ...]) -> Tensor:
        return loss(lambda *inputs: functional_call(net, weights, inputs), entries)

    found: Mapping[str, Tensor] = vmap(grad(one), in_dims=(None, 0))(weights, batch)
    return found


def gradient_norms(net: nn.Module, loss: ImageLoss, batch: tuple[Tensor, ...], physical: int = 256) -> Tensor:
    """Return the (n, n_tensors) norms of each image's gradient, one for every tensor of parameters.

    Parameters
    ----------
    physical : images that are differentiated together, which bounds the memory
    """
    parts = zip(*(torch.split(values, physical) for values in batch), strict=True)
    found = [
        torch.stack([value.flatten(1).norm(dim=1) for value in image_gradients(net, loss, part).values()], dim=1)
        for part in parts
    ]
    return torch.cat(found)


def clipped_sum(gradients: Mapping[str, Tensor], clip: float) -> Mapping[str, Tensor]:
    """Return the sum over images of their gradients, each shortened to norm `clip` over all parameters together."""
    squares = [value.flatten(1).square().sum(dim=1) for value in gradients.values()]
    norms = torch.stack(squares).sum(dim=0).sqrt()
    scale = (clip / norms.clamp(min=1e-12)).clamp(max=1.0)
    usable = norms.isfinite()  # one gradient that is no number would make the sum none: such an image adds nothing
    if not bool(usable.all()):
        gradients = {name: value[usable] for name, value in gradients.items()}
        scale = scale[usable]
    return {name: torch.tensordot(scale, value, dims=1) for name, value in gradients.items()}


def train_images_privately(
    net: nn.Module, loss: ImageLoss, batch: Batch, n: int, plan: PrivateSteps, optimiser: torch.optim.Optimizer, *,
    clip: float, divisor: float, rng: np.random.Generator, physical: int = 256,
    after_step: Callable[[int], None] = lambda step: None,
) -> None:  # fmt: skip
    """Train the network in place by the planned steps.

    Parameters
    ----------
    batch : returns the entries of images from their row numbers, with fresh random numbers
    divisor : the public size that sums are divided by
    physical : images that are differentiated together, which bounds the memory and changes nothing else
    """
    weights = dict(net.named_parameters())
    device = next(iter(weights.values())).device
    for step, rows in enumerate(poisson_batches(n, plan.rate, plan.steps, rng)):
        total = {name: torch.zeros_like(value) for name, value in weights.items()}
        for part in torch.split(rows, physical) if len(rows) else ():
            entries = tuple(values.to(device) for values in batch(part))
            for name, value in clipped_sum(image_gradients(net, loss, entries), clip).items():
                total[name] += value
        for name, value in weights.items():
            value.grad = with_noise(total[name], plan.sigma * clip, rng) / divisor
        optimiser.step()
        after_step(step)
    for value in weights.values():
        value.grad = None
