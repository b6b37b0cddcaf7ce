"""A release without class labels: it can be judged by everything that does not ask for them, and by nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import BenchError
from bench.core.types import Cohort

NO_LABEL = "(no label)"


class NoLabelsError(BenchError):
    """A measure or an attack asked for the labels of a release that has none."""

    def __init__(self) -> None:
        super().__init__("no labels: the release came without class labels, and this asks for them")


def no_labels(n: int) -> NDArray[np.str_]:
    """Return what stands for the labels of n samples without any."""
    return np.full(n, NO_LABEL)


def hide_labels(synthetic: Cohort) -> Cohort:
    """Return the cohort; one without labels comes back as a cohort whose labels cannot be read."""
    return Unlabelled(synthetic) if len(synthetic) and (synthetic.y == NO_LABEL).all() else synthetic


class Unlabelled(Cohort):
    """A cohort that raises `NoLabelsError` wherever its labels are asked for."""

    def __init__(self, cohort: Cohort) -> None:
        self.__dict__.update({name: value for name, value in vars(cohort).items() if name != "y"})
        self.__dict__["_whole"] = cohort

    def __getattr__(self, name: str) -> Any:
        if name == "y":
            raise NoLabelsError
        raise AttributeError(name)

    def take(self, rows: ArrayLike) -> Cohort:
        """Return the cohort of the given rows, without labels too."""
        return Unlabelled(self._whole.take(rows))

    @property
    def digest(self) -> str:
        """SHA-256 of everything in the cohort."""
        return str(self._whole.digest)
