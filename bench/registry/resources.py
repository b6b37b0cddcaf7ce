"""What a generator asks of the machine it runs on, for executors that share machines out; it changes no result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from bench.core.errors import PluginError


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Memory, time and GPUs for one cell: fitting, sampling and scoring on one fold. None: nothing is asked.

    Parameters
    ----------
    memory_gb : peak memory of the process, in gigabytes
    minutes : wall time
    gpus : how many GPUs the fit can use; 0 keeps it off them
    """

    memory_gb: float | None = None
    minutes: float | None = None
    gpus: int | None = None

    def __post_init__(self) -> None:
        for name in ("memory_gb", "minutes"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise PluginError(f"{name}={value!r}; expected a number above 0, such as {name}=8.")
        if self.gpus is not None and (not isinstance(self.gpus, int) or isinstance(self.gpus, bool) or self.gpus < 0):
            raise PluginError(f"gpus={self.gpus!r}; expected a whole number such as gpus=1.")

    def or_else(self, other: Resources) -> Resources:
        """Return these, with what they leave open taken from `other`."""
        mine, others = vars(self), vars(other)
        return Resources(**{name: others[name] if mine[name] is None else mine[name] for name in RESOURCES})


RESOURCES = tuple(field.name for field in fields(Resources))


def resources_of(options: Mapping[str, Any]) -> Resources:
    """Return what a generator's decorator asks; one that needs torch and says nothing of GPUs asks for one."""
    found = Resources(**{name: options.get(name) for name in RESOURCES})
    return found.or_else(Resources(gpus=1 if "torch" in options.get("needs", ()) else 0))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
