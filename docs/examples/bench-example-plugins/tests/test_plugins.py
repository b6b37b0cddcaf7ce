"""The contract of every plugin of the package, and a known answer for each. Run after `pip install`: pytest tests."""

from __future__ import annotations

import numpy as np
import pytest

from bench import AttackView, stream
from bench.conformance import check_dataset, check_plugin, people
from bench.datasets import load_dataset
from bench.registry import Kind, create, find


@pytest.mark.parametrize(
    ("kind", "name"), [("generator", "jitter"), ("attack", "nearest_gene"), ("metric", "gene_order")]
)
def test_a_plugin_keeps_the_contract(kind: Kind, name: str) -> None:
    assert [finding for finding in check_plugin(find(kind, name)) if finding.problem] == []


def test_the_dataset_keeps_the_contract() -> None:
    assert [finding for finding in check_dataset("two_tissues") if finding.problem] == []
    assert load_dataset("two_tissues").cohort.X.shape == (120, 30)


def test_without_noise_the_training_samples_come_back() -> None:
    train = people(30, "train")
    sample = create(find("generator", "jitter"), {"share": 0.0}).fit(train, rng=stream(1)).sample(9, rng=stream(2))
    assert {row.tobytes() for row in sample.X} <= {row.tobytes() for row in train.X}


def test_the_attack_counts_near_genes() -> None:
    synthetic = np.array([[0, 0], [10, 10]], dtype=np.float32)  # the spread of each gene is 5, near is 1.5
    targets = np.array([[0, 0.4], [0, 10], [4, 5]], dtype=np.float32)
    view = AttackView(synthetic=synthetic, targets=targets, genes=("A", "B"))
    assert create(find("attack", "nearest_gene")).score(view, rng=stream(1)).tolist() == [2, 1, 0]


def test_the_metric_is_one_for_the_same_people() -> None:
    train = people(30, "train")
    values = create(find("metric", "gene_order"))(train, train, train, rng=stream(1))
    assert values["gene_order_spearman"] == pytest.approx(1)
