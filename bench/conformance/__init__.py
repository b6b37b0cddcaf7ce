"""The contract of plugins and datasets, as checks, and templates to start from.

What the tests of a third party import is here; the modules hold the checks of each kind.
"""

from bench.conformance.datasets import DATASET_CHECKS, DatasetCheck, check_dataset
from bench.conformance.example_cohorts import haplotypes
from bench.conformance.plugins import CHECKS, Check, check_plugin, people

__all__ = ["CHECKS", "DATASET_CHECKS", "Check", "DatasetCheck", "check_dataset", "check_plugin", "haplotypes", "people"]
