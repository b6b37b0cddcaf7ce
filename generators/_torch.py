"""Where torch code of the generators gets its randomness and its device; shared by every neural generator."""

from __future__ import annotations

import os

import numpy as np
import torch

from bench import PluginError, integer_seed

_DEVICES = ("auto", "cpu", "cuda")


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """Return a torch stream on the CPU, seeded by one draw of `rng`.

    It lives on the CPU whatever the device, so that a sample drawn with it and then moved is the same on all devices.
    """
    return torch.Generator().manual_seed(integer_seed(rng))


def pick_device() -> torch.device:
    """Return the device that the environment variable ``BENCH_DEVICE`` asks for: auto (the default), cpu or cuda.

    It is no hyper-parameter: where a model was trained must not decide which stored result it is.

    Raises
    ------
    PluginError
        If the variable is none of the three, or asks for a GPU where torch sees none.
    """
    wanted = os.environ.get("BENCH_DEVICE", "auto")
    if wanted not in _DEVICES:
        raise PluginError(f"BENCH_DEVICE is {wanted!r}; expected one of {', '.join(_DEVICES)}.")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise PluginError("BENCH_DEVICE is 'cuda', but torch sees no GPU here; use 'auto' or 'cpu'.")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")
