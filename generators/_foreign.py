"""What adapters of foreign libraries share: their options as text, their tables, and their global random state."""

from __future__ import annotations

import ast
import contextlib
import importlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench import Cohort, PluginError, integer_seed

LABEL = "label"


def keyword_arguments(text: str) -> dict[str, Any]:
    """Return the arguments in a text such as ``epochs=10,distribution=norm,sizes=(8, 8)``; a bare word is a text.

    Raises
    ------
    PluginError
        If it cannot be read as names with plain values.
    """
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("a value has no name")
        return {
            str(k.arg): k.value.id if isinstance(k.value, ast.Name) else ast.literal_eval(k.value)
            for k in call.keywords
        }
    except (SyntaxError, ValueError) as error:
        raise PluginError(
            f"options {text!r} cannot be read ({error}); write name=value, with commas between."
        ) from error


def load_class(path: str) -> Any:
    """Return the class that a dotted path such as ``sklearn.mixture.GaussianMixture`` names.

    Raises
    ------
    PluginError
        If there is no such module or class.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise PluginError(f"there is no class {path!r} ({error}); write its module and name, with dots.") from error


@contextlib.contextmanager
def seeded_globally(rng: np.random.Generator) -> Iterator[int]:
    """Seed the global random states of Python, NumPy and torch inside the block, and put back what they were.

    Plugins of ours never rely on them; libraries that are made for use in scripts do. Yields the seed.
    """
    seed, torch = integer_seed(rng), sys.modules.get("torch")
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - this is its purpose
    forked = torch.random.fork_rng() if torch else contextlib.nullcontext()
    with forked:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        if torch:
            torch.manual_seed(seed)
        try:
            yield seed
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002


def to_table(cohort: Cohort) -> pd.DataFrame:
    """Return a cohort as a table: a column for each gene, with a plain name, and the label as the last."""
    table = pd.DataFrame(cohort.X.astype(np.float64), columns=_columns(cohort))
    return table.assign(**{LABEL: cohort.y.astype(object)})


def from_table(table: pd.DataFrame, like: Cohort) -> Cohort:
    """Return a synthetic table as a cohort; genes are found by the names that `to_table` gave them."""
    values = table[_columns(like)].to_numpy(dtype=np.float64)
    return like.synthetic(values, table[LABEL].astype(str).to_numpy())


def _columns(cohort: Cohort) -> list[str]:
    return [f"gene_{i}" for i in range(cohort.n_genes)]  # a gene may be called "label", or something SQL minds
