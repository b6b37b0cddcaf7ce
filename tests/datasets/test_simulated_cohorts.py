"""The simulated stand-ins keep the published statistics of the real cohorts, and their own promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench import Cohort, DataError, Split
from bench.datasets.folds import make_splits
from bench.datasets.known.simulated import simulated_cohort, simulated_reference
from bench.registry.finding import create, find

PUBLISHED = {  # mean over the five folds of seed 42, and the tolerance of the issue
    "brca": {
        "accuracy_real": (0.865, 0.010), "aupr_real": (0.866, 0.010), "distance_to_closest_real": (24.04, 1.5),
        "r00": (182_073, 18_207), "r03": (36_551, 7_310), "r05": (4_420, 1_326),
    },
    "combined": {
        "accuracy_real": (0.978, 0.010), "aupr_real": (0.992, 0.010), "distance_to_closest_real": (23.3, 1.5),
        "r00": (211_000, 21_100), "r03": (33_000, 6_600), "r05": (3_850, 1_155),
    },
}  # fmt: skip
COUNTS = {
    "brca": {"BRCA.LumA": 562, "BRCA.LumB": 217, "BRCA.Basal": 188, "BRCA.Her2": 82, "BRCA.Normal": 40},
    "combined": {
        "TCGA-BRCA": 920, "TCGA-KIRC": 447, "TCGA-LUAD": 434, "TCGA-LUSC": 420, "TCGA-PRAD": 417, "TCGA-COAD": 385,
        "TCGA-OV": 353, "TCGA-LIHC": 312, "TCGA-KIRP": 244, "TCGA-ESCA": 155, "TCGA-PAAD": 150, "TCGA-SKCM": 86,
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=["brca", pytest.param("combined", marks=pytest.mark.full)])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def cohort(name: str) -> Cohort:
    return simulated_cohort(name)


def fold_statistics(split: Split) -> dict[str, float]:
    rng, nobody = np.random.default_rng(0), split.train.take([])
    values: dict[str, float] = {}
    for metric in ("tstr", "distance_to_closest"):
        values |= create(find("metric", metric))(split.train, split.holdout, nobody, rng=rng)
    r = np.corrcoef(split.train.X.T.astype(np.float64))[np.triu_indices(split.train.n_genes, 1)]
    t = stats.t.ppf(0.975, len(split.train) - 2)
    significant = t / np.sqrt(len(split.train) - 2 + t * t)  # the published edges at r > 0 are those with p < 0.05
    return values | {key: float((r > cut).sum()) for key, cut in (("r00", significant), ("r03", 0.3), ("r05", 0.5))}


def test_the_published_statistics_are_met(name: str, cohort: Cohort) -> None:
    found = [fold_statistics(split) for split in make_splits(cohort, seed=42)]
    for measure, (target, tolerance) in PUBLISHED[name].items():
        mean = np.mean([values[measure] for values in found])
        assert abs(mean - target) <= tolerance, f"{measure}: {mean} instead of {target} +- {tolerance}"


def test_size_genes_and_class_counts_are_those_of_the_real_cohort(name: str, cohort: Cohort) -> None:
    labels, counts = np.unique(cohort.y, return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == COUNTS[name]
    assert cohort.n_genes == 978
    assert all(gene.startswith("ENSG") for gene in cohort.genes)
    assert cohort.units == "vst"
    assert (cohort.y[:-1] != cohort.y[1:]).mean() > 0.3  # classes are mixed, not in blocks


def test_every_call_gives_the_same_cohort(name: str, cohort: Cohort) -> None:
    assert simulated_cohort(name).digest == cohort.digest


def test_genes_are_skewed_and_heavy_tailed(cohort: Cohort) -> None:
    inside = np.concatenate([X - X.mean(axis=0) for _, X in cohort.by_label()])
    assert np.mean(np.abs(stats.skew(inside)) > 0.3) > 0.3
    assert np.median(stats.kurtosis(inside)) > 0.3


def test_no_class_lies_in_fewer_dimensions_than_it_has_people(cohort: Cohort) -> None:
    for label, X in cohort.by_label():
        spectrum = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
        assert (spectrum > 1e-4 * spectrum[0]).sum() == min(len(X) - 1, 978), label


def test_related_classes_lie_closer_than_unrelated_ones() -> None:
    means = {label: X.mean(axis=0) for label, X in simulated_cohort("combined").by_label()}

    def distance(a: str, b: str) -> float:
        return float(np.linalg.norm(means[f"TCGA-{a}"] - means[f"TCGA-{b}"]))

    usual = np.median([np.linalg.norm(means[a] - means[b]) for a in means for b in means if a < b])
    for a, b in (("KIRC", "KIRP"), ("LUAD", "LUSC")):
        assert distance(a, b) < usual


def test_tissues_are_a_second_label_and_the_reference_is_other_people() -> None:
    cohort, reference = simulated_cohort("combined"), simulated_reference("combined")
    assert len(np.unique(cohort.obs["tissue"])) == 10
    assert reference is not None
    assert reference.X.shape == (824, 978)
    assert not set(reference.samples) & set(cohort.samples)
    assert reference.genes == cohort.genes
    assert simulated_reference("brca") is None


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(DataError, match="no simulated cohort 'brac'"):
        simulated_cohort("brac")
