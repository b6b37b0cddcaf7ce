"""Pathway scores are those of an independent ssGSEA, and are compared as scipy and a hand do."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from scipy.stats import ks_2samp, rankdata

from bench import Cohort, DataError
from bench.cli.data import GENE_SETS, data_group
from bench.registry.finding import create, find
from bench.registry.selection import choose

pytest.importorskip("gseapy")

SETS = {"first ten": range(10), "every third": range(0, 60, 3), "too few": range(4), "strangers": range(70, 90)}


def measure(train: Cohort, holdout: Cohort, synthetic: Cohort, gmt: Path | str) -> Mapping[str, float]:
    metric = create(find("metric", "pathways"), {"gmt": str(gmt)})
    values: Mapping[str, float] = metric(train, holdout, synthetic, rng=np.random.default_rng(0))
    return values


def draw(n: int, seed: int, lift: float = 0.0) -> Cohort:
    """Return n people with 60 genes, of which the first ten are lifted."""
    rng = np.random.default_rng(seed)
    X = rng.normal(8, 1, size=(n, 60)) + lift * (np.arange(60) < 10)
    names = {"genes": tuple(f"g{i}" for i in range(60)), "samples": tuple(f"s{i}" for i in range(n))}
    return Cohort(X=X.astype(np.float32), y=np.array(["a", "b"])[np.arange(n) % 2], units="vst", **names)


@pytest.fixture(scope="module")
def gmt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("sets") / "sets.gmt"
    lines = ["\t".join([name, "invented", *(f"g{i}" for i in genes)]) for name, genes in SETS.items()]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def enrichment(X: NDArray[np.float32], genes: range) -> NDArray[np.float64]:
    """Return (n,) the sum over the ranked genes of the share of weighted hits minus the share of misses."""
    scores = []
    for x in X:
        order, weight = np.argsort(-x), (10000 * rankdata(x) / len(x)) ** 0.25
        hit = np.isin(order, list(genes))
        weighted = np.where(hit, weight[order], 0)
        scores.append(np.sum(np.cumsum(weighted) / weighted.sum() - np.cumsum(~hit) / (~hit).sum()))
    return np.array(scores)


def test_scores_are_those_of_an_independent_implementation(gmt: Path) -> None:
    train, holdout, synthetic = draw(40, 1), draw(20, 2), draw(40, 3, lift=0.8)
    real, ours, others = (
        [enrichment(c.X, SETS[name]) for name in ("first ten", "every third")] for c in (train, synthetic, holdout)
    )
    found = measure(train, holdout, synthetic, gmt)
    assert found["pathway_ks"] == pytest.approx(np.mean([ks_2samp(*p).statistic for p in zip(real, ours, strict=True)]))
    expected = np.mean([ks_2samp(*p).statistic for p in zip(real, others, strict=True)])
    assert found["pathway_ks_base"] == pytest.approx(expected)
    pairs = list(zip(real, ours, strict=True))
    ratio = np.mean([s.var(ddof=1) / r.var(ddof=1) for r, s in pairs])
    assert found["pathway_variance_ratio"] == pytest.approx(ratio)
    d = [abs(s.mean() - r.mean()) / np.sqrt((r.var(ddof=1) + s.var(ddof=1)) / 2) for r, s in pairs]
    assert found["pathway_effect_size"] == pytest.approx(np.mean(d))
    assert found["pathway_share_significant"] == 1 / 2  # the lift moves one set of the two


def test_other_draws_of_the_same_people_score_better(gmt: Path) -> None:
    train, holdout, good, bad = draw(60, 1), draw(60, 2), draw(60, 3), draw(60, 4, lift=2)
    better, worse = measure(train, holdout, good, gmt), measure(train, holdout, bad, gmt)
    for name in ("pathway_ks", "pathway_effect_size", "pathway_share_significant"):
        assert better[name] < worse[name]
    assert better["pathway_ks_base"] == worse["pathway_ks_base"]


def test_without_a_file_or_with_one_sample_nothing_is_defined(gmt: Path) -> None:
    train, holdout = draw(10, 1), draw(8, 2)
    assert all(math.isnan(value) for value in measure(train, holdout, train, "").values())
    one = measure(train, holdout, train.take([0]), gmt)
    assert {name for name, value in one.items() if not math.isnan(value)} == {"pathway_ks_base"}


def test_constant_genes_give_scores_without_a_spread(gmt: Path) -> None:
    train, holdout = draw(10, 1), draw(8, 2)
    flat = train.synthetic(np.full(train.X.shape, 8.0), train.y)
    found = measure(train, holdout, flat, gmt)
    assert found["pathway_variance_ratio"] == 0
    assert math.isnan(measure(flat, flat, flat, gmt)["pathway_variance_ratio"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("a set without genes\tinvented\n", "line 1: expected name, description and genes"),
        ("other names\tinvented\tTP53\tMYC\n", "named like 'g0'"),
    ],
)
def test_gene_sets_that_cannot_be_used_are_an_error(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "sets.gmt"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        measure(draw(6, 1), draw(6, 2), draw(6, 3), path)


def test_pathways_run_only_when_they_are_named() -> None:
    assert "pathways" not in {choice.info.name for choice in choose("metric", "all")}
    assert [choice.params["gmt"] for choice in choose("metric", "pathways[gmt=sets.gmt]")] == ["sets.gmt"]


LANDMARKS = pd.read_csv(GENE_SETS.parent / "landmark_genes.tsv", sep="\t").set_index("symbol")["ensembl"]


def test_the_shipped_sets_are_what_their_descriptions_say() -> None:
    lines = [line.split("\t") for line in GENE_SETS.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 17
    for name, description, *genes in lines:
        symbols = [gene for gene in genes if not gene.startswith("ENSG")]
        identifiers = [gene for gene in genes if gene.startswith("ENSG")]
        assert identifiers == [LANDMARKS[symbol] for symbol in symbols if symbol in LANDMARKS], name
        assert len(identifiers) >= 5, name
        if description.startswith("HGNC symbols "):
            rule = description.removeprefix("HGNC symbols ")
            assert symbols == sorted(s for s in LANDMARKS.index if re.fullmatch(rule, s)), name
        else:
            assert (name, len(symbols), description) == ("pam50", 50, "doi:10.1200/JCO.2008.18.1370")


def test_the_shipped_sets_fit_cohorts_with_symbols_and_with_identifiers() -> None:
    result = CliRunner().invoke(data_group, ["gene-sets"])
    path = Path(result.output.strip())
    assert path == GENE_SETS
    rng = np.random.default_rng(0)
    values = rng.normal(8, 1, size=(30, len(LANDMARKS)))
    found = []
    for names in (LANDMARKS.index, LANDMARKS):
        people = Cohort(X=values, y=["a"] * 30, genes=tuple(names), samples=tuple(map(str, range(30))), units="vst")
        found.append(measure(people.take(range(12)), people.take(range(12, 18)), people.take(range(18, 30)), path))
    assert found[0] == found[1]
    assert 0 < found[0]["pathway_ks"] < 0.6
