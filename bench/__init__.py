"""Compare generators of synthetic omics data: what each is worth to science and what it leaks.

Plugins import everything they need from here. Nothing in this module imports scikit-learn or torch.
"""

from __future__ import annotations

from pathlib import Path

from bench.cohort_file import read_cohort
from bench.errors import BenchError, DataError, MissingExtraError, PluginError, StoreError
from bench.registry import Measure, attack, generator, metric
from bench.seeds import integer_seed, stream
from bench.types import Attack, AttackView, Cohort, Generator, Metric, PrivacyClaim, Split

__version__ = "0.1.0"

if not (Path(__file__).parent / "generators").is_dir():  # run from a checkout: the plugin folders lie beside this one
    __path__.append(str(Path(__file__).parent.parent))

__all__ = [
    "Attack",
    "AttackView",
    "BenchError",
    "Cohort",
    "DataError",
    "Generator",
    "Measure",
    "Metric",
    "MissingExtraError",
    "PluginError",
    "PrivacyClaim",
    "Split",
    "StoreError",
    "__version__",
    "attack",
    "generator",
    "integer_seed",
    "metric",
    "read_cohort",
    "stream",
]
