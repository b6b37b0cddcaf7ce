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


def fast_matrices(device: torch.device) -> torch.autocast:
    """Return a context in which matrices are multiplied in bfloat16 where the hardware does so, else in float32.

    On a CPU that is the tile unit of recent Xeons (AMX): 5 to 7 times the float32 rate. Parameters, losses and the
    optimiser stay in float32.
    """
    has_unit = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_amx_tile_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(has_unit))
