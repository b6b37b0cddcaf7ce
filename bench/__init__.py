"""Compare generators of synthetic health data: what each is worth to science and what it leaks.

Plugins import everything they need from here. Nothing in this module imports scikit-learn or torch.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.cohort import Cohort
from bench.core.cohort_file import read_cohort
from bench.core.errors import BenchError, DataError, MissingExtraError, PluginError, StoreError
from bench.core.fold_facts import fold_fact
from bench.core.images import Images
from bench.core.records import Records
from bench.core.released import ReleasedModel
from bench.core.roles import Attack, AttackView, Estimate, Generator, Metric, ModelGenerator, PrivacyClaim, Split
from bench.core.seeds import integer_seed, stream
from bench.core.variants import Variants
from bench.registry.declarations import Measure, attack, generator, metric

if TYPE_CHECKING:
    from bench.api import Dataset, Results, load_dataset, load_model, load_results, run, score

__version__ = "0.1.0"

if not (Path(__file__).parent / "generators").is_dir():  # run from a checkout: the plugin folders lie beside this one
    __path__.append(str(Path(__file__).parent.parent))

# of bench.api, which is slow to import
_LATE = {"Dataset", "Results", "load_dataset", "load_model", "load_results", "run", "score"}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(import_module("bench.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Attack",
    "AttackView",
    "BenchError",
    "Cohort",
    "DataError",
    "Dataset",
    "Estimate",
    "Generator",
    "Images",
    "Measure",
    "Metric",
    "MissingExtraError",
    "ModelGenerator",
    "PluginError",
    "PrivacyClaim",
    "Records",
    "ReleasedModel",
    "Results",
    "Split",
    "StoreError",
    "Variants",
    "__version__",
    "attack",
    "fold_fact",
    "generator",
    "integer_seed",
    "load_dataset",
    "load_model",
    "load_results",
    "metric",
    "read_cohort",
    "run",
    "score",
    "stream",
]
