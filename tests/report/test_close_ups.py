"""Close-ups of releases: known answers, degenerate releases, one map for all, and what pages make of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from cohorts import cohort_of
from scipy.stats import ks_2samp
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from bench import Cohort, Split
from bench.cli.pictures import command
from bench.core.errors import BenchError
from bench.datasets import Dataset
from bench.datasets.folds import make_splits
from bench.engine import records
from bench.engine.plan import Scope, plan_generators, plan_given
from bench.engine.releases import Releases, given_keys, planned_releases
from bench.engine.results import rows_of
from bench.engine.tasks import run_task
from bench.registry.selection import choose
from bench.report.figures.close_up_numbers import discriminant, make_lens, mmd, numbers_of
from bench.report.figures.close_up_panels import KINDS, figure_of
from bench.report.figures.close_ups import draw_all, pictures_file, read_numbers
from bench.report.figures.html_pictures import CLOSE_UPS, close_up_file
from bench.report.figures.umap_map import umap_numbers, version
from bench.report.html import page_text, stale_report, write_report
from bench.store.rows import table
from bench.store.store import Store


@pytest.fixture(scope="module")
def people() -> Cohort:
    return cohort_of(n=150, genes=20, labels="abc")


@pytest.fixture(scope="module")
def split(people: Cohort) -> Split:
    return make_splits(people, seed=42)[0]


def changed(cohort: Cohort, **parts: Any) -> Cohort:
    """Return a cohort with other values or labels."""
    same = {"X": cohort.X, "y": cohort.y, "genes": cohort.genes, "samples": cohort.samples, "units": cohort.units}
    return Cohort(**{**same, **parts})


# -- known answers -----------------------------------------------------------------------------------------------------


def test_a_copy_of_the_training_samples_is_right_in_every_way(split: Split) -> None:
    lens = make_lens(split)
    real, copy = (numbers_of(lens, c) for c in (split.train, changed(split.train)))
    assert copy["genes"]["ks"] == [0] * 20
    assert copy["correlation"]["rmse"] == pytest.approx(0, abs=1e-12)
    assert (copy["expression"]["tpr"], copy["expression"]["fpr"]) == (1, 0)
    assert copy["classes"]["recall"] == real["classes"]["recall"]
    assert max(copy["classes"]["mmd"]) < 1e-6 < min(real["classes"]["mmd"])
    counts = np.array(copy["correlation"]["counts"]).reshape(48, 48)
    assert counts.sum() == np.trace(counts) == 20 * 19 / 2


def test_shifted_genes_are_seen_where_they_are(split: Split) -> None:
    X = split.train.X.copy()
    X[:, 3] += 5
    X[:, 7] = X[:, 7].mean() + 3 * (X[:, 7] - X[:, 7].mean())
    found, real = (numbers_of(make_lens(split), c)["genes"] for c in (changed(split.train, X=X), split.train))
    assert np.argsort(found["ks"])[-2:].tolist() == [7, 3]
    assert found["mean"][3] - real["mean"][3] == pytest.approx(5, abs=1e-3)
    assert found["sd"][7] / real["sd"][7] == pytest.approx(3, abs=1e-3)
    others = [g for g in range(20) if g not in (3, 7)]
    assert max(found["ks"][g] for g in others) == 0


def test_the_distance_of_a_gene_is_that_of_scipy(split: Split) -> None:
    other = changed(split.train, X=np.round(split.train.X * 1.1, 1))  # with ties
    found = numbers_of(make_lens(split), other)["genes"]["ks"]
    expected = [ks_2samp(split.train.X[:, g], other.X[:, g]).statistic for g in range(20)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_classifier_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], size=300, p=[0.6, 0.3, 0.1])
    X = rng.normal(size=(300, 5)) + (y == "a")[:, None] * [1.0, 0, 0, 0, 0] + (y == "b")[:, None] * [0, 1.0, 0, 0, 0]
    new = rng.normal(size=(400, 5))
    expected = LinearDiscriminantAnalysis(solver="lsqr").fit(X, y).predict(new)
    assert np.mean(discriminant(X, y, new) == expected) > 0.98  # a ridge of a thousandth apart


def test_lost_correlations_lie_on_the_horizontal_and_lost_effects_are_missed(split: Split) -> None:
    rng = np.random.default_rng(1)
    shuffled = changed(split.train, X=rng.permuted(split.train.X, axis=0))
    found = numbers_of(make_lens(split), shuffled)
    assert found["correlation"]["rmse"] > 0.1
    assert found["expression"]["tpr"] < 0.2
    assert max(found["genes"]["ks"]) == 0


def test_the_distance_of_a_class_is_nought_for_itself_and_needs_two_sides() -> None:
    a = np.random.default_rng(2).normal(size=(30, 4))
    assert mmd(a, a) == pytest.approx(0, abs=1e-7)
    assert mmd(a, a + 10) > 0.9
    assert math.isnan(mmd(a, a[:0]))
    assert math.isnan(mmd(a[:1], a))


# -- degenerate releases -----------------------------------------------------------------------------------------------


def degenerate(split: Split) -> dict[str, Cohort]:
    train = split.train
    return {
        "one class": changed(train, y=np.full(len(train), "a")),
        "nobody": train.take([]),
        "one sample": train.take([0]),
        "constant": changed(train, X=np.full(train.X.shape, 3.0)),
        "unknown class": changed(train, y=np.full(len(train), "z")),
        "far": changed(train, X=train.X + 1e6),
    }


@pytest.mark.parametrize("kind", ["one class", "nobody", "one sample", "constant", "unknown class", "far"])
def test_a_degenerate_release_is_looked_at_and_drawn(split: Split, kind: str) -> None:
    lens = make_lens(split)
    real, body = numbers_of(lens, split.train), numbers_of(lens, degenerate(split)[kind])
    assert "NaN" not in json.dumps([real, body])
    about = {"explained": [0.5, 0.2], "classes": list(lens.classes), "controls": [], "pair": lens.pair}
    about |= {"calls": lens.calls.tolist()}
    plane = real["plane"] if kind != "nobody" else {"x": [], "y": [], "label": []}
    releases = {"": {**real, "umap": real["plane"]}, "g": {**body, "umap": plane}}
    for name in KINDS[:-1]:
        figure = figure_of(name, {"about": about, "releases": releases, "roc": []}, "t", simulated=False)
        if figure is not None:
            figure.canvas.draw()


def test_a_cohort_of_one_class_has_no_effects_to_compare(split: Split) -> None:
    one = changed(split.train, y=np.full(len(split.train), "a"))
    lens = make_lens(Split(one, changed(split.holdout, y=np.full(len(split.holdout), "a")), 1, 42))
    assert lens.pair is None
    assert numbers_of(lens, one)["expression"] is None


# -- the map -----------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_the_map_stays_when_a_release_is_added_and_is_the_same_again(split: Split, tmp_path: Path) -> None:
    if version() is None:
        pytest.skip("umap-learn is not installed")
    lens = make_lens(split)
    a, b = split.train.take(np.arange(20)), split.holdout
    one, two = (Store(tmp_path / name).open() for name in "xy")
    first = umap_numbers(lens, {"": split.train, "a": a}, one, compute=True)
    both = umap_numbers(lens, {"": split.train, "a": a, "b": b}, two, compute=True)
    assert first[""] == both[""]
    assert first["a"] == both["a"]
    assert len(both["b"]["x"]) == len(b)
    assert umap_numbers(lens, {"a": a, "b": b}, one, compute=False) == {"a": first["a"]}
    groups = pd.DataFrame(both[""]).groupby("label")[["x", "y"]]
    apart = (groups.mean().iloc[0] - groups.mean().iloc[1]).abs().max()
    assert apart > groups.std().to_numpy().mean()


# -- in a run, and on a page -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(people: Cohort, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset, Scope, Releases]:
    """The rows of a small finished run, and what its store holds."""
    folder = tmp_path_factory.mktemp("run")
    dataset = Dataset("toy", "toy people", "label", people, None, False, "the tests")
    scope = Scope(dataset, make_splits(people, seed=42)[:2], Store(folder / "store").open())
    plan = plan_generators(scope, choose("generator", "multivariate,noise"), [], [])
    for one in plan:
        run_task(one.cell, one.tasks[0])
    rows = table(row for one in plan for row in rows_of(one, scope.store, {}))
    records.keep(scope.store, dataset, rows, records.about(dataset, 1))
    found = planned_releases(scope, plan)
    assert found is not None
    return records.publish(scope.store, dataset.slug, folder), dataset, scope, found


def test_a_run_leaves_numbers_that_a_page_draws_without_the_samples(
    finished: tuple[Path, Dataset, Scope, Releases],
) -> None:
    rows, dataset, scope, found = finished
    draw_all(rows, dataset, scope.store, found, umap=False)
    page = write_report(rows).read_text(encoding="utf-8")
    for heading in ("Classes", "Genes", "Co-expression", "Differential expression"):
        assert f">{heading}</h2>" in page
    assert "Not drawn: UMAP." in page
    assert page.count('src="data:image/png') == 4  # with the principal components
    assert stale_report(rows) is None
    close_up_file(rows, "genes").unlink()
    assert stale_report(rows) is not None
    assert write_report(rows).read_text(encoding="utf-8") == page


def test_a_release_made_elsewhere_is_still_shown_after_other_runs(people: Cohort, tmp_path: Path) -> None:
    dataset = Dataset("toy", "toy people", "label", people, None, False, "the tests")
    scope = Scope(dataset, make_splits(people, seed=42)[:1], Store(tmp_path / "store").open())
    given = {1: changed(scope.splits[0].train, X=scope.splits[0].train.X + 1)}
    plans = [
        plan_given(scope, "mine", given, choose("metric", "mmd"), [], "v=2"),
        plan_generators(scope, choose("generator", "noise"), [], []),
    ]
    for plan in plans:
        for one in plan:
            for task in one.tasks:
                run_task(one.cell, task)
        rows = table(row for one in plan for row in rows_of(one, scope.store, {}))
        records.keep(scope.store, dataset, rows, {**records.about(dataset, 1), "given": given_keys(plan)})
    found = planned_releases(scope, plans[1])
    assert found is not None
    assert list(found.synthetic) == ["mine[v=2]", "noise"]


def test_numbers_known_to_the_store_give_the_same_file_as_new_ones(
    finished: tuple[Path, Dataset, Scope, Releases], tmp_path: Path
) -> None:
    rows, dataset, scope, found = finished
    files = []
    for store in (scope.store, scope.store, Store(tmp_path / "empty").open()):
        draw_all(rows, dataset, store, found, umap=False)
        files.append(pictures_file(rows).read_bytes())
    assert files[0] == files[1] == files[2]


def test_numbers_of_another_cohort_are_not_shown(finished: tuple[Path, Dataset, Scope, Releases]) -> None:
    rows, dataset, scope, found = finished
    draw_all(rows, dataset, scope.store, found, umap=False)
    path = pictures_file(rows)
    kept = path.read_text(encoding="utf-8")
    path.write_text(kept.replace(dataset.digest, "0" * 64), encoding="utf-8")
    assert read_numbers(rows, dataset.digest) is None
    assert page_text(rows).count("data:image/png") == 1
    path.write_text("{", encoding="utf-8")
    with pytest.raises(BenchError, match="bench pictures"):
        page_text(rows)
    path.write_text(kept, encoding="utf-8")


def test_on_simulated_data_every_close_up_says_so(
    finished: tuple[Path, Dataset, Scope, Releases], tmp_path: Path
) -> None:
    rows, dataset, scope, found = finished
    draw_all(rows, dataset, scope.store, found, umap=False)
    numbers = read_numbers(rows, dataset.digest)
    assert numbers is not None
    for kind in ("pca", *CLOSE_UPS):
        figure = figure_of(kind, numbers, "toy", simulated=True)
        if figure is not None:
            texts = [text.get_text() for axes in figure.axes for text in axes.texts]
            assert "SIMULATED DATA" in figure.get_suptitle()
            assert texts.count("SIMULATED") == sum(axes.axison for axes in figure.axes)


def test_the_command_looks_again_and_says_what_is_missing(
    finished: tuple[Path, Dataset, Scope, Releases], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows, dataset, _, _ = finished
    monkeypatch.setattr("bench.cli.pictures.load_dataset", lambda _: dataset)
    out = rows.parent.parent
    ask = ["--dataset", "toy", "--no-umap", "--out", str(out)]
    pictures_file(rows).unlink(missing_ok=True)
    done = CliRunner().invoke(command, ask, catch_exceptions=False)
    assert done.output.strip() == str(pictures_file(rows))
    with pytest.raises(BenchError, match="holds no release"):
        CliRunner().invoke(command, [*ask, "--store", str(tmp_path / "empty")], catch_exceptions=False)
    other = Dataset("toy", "t", "label", dataset.cohort.take(np.arange(100)), None, False, "x")
    monkeypatch.setattr("bench.cli.pictures.load_dataset", lambda _: other)
    with pytest.raises(BenchError, match="expected the same cohort"):
        CliRunner().invoke(command, ask, catch_exceptions=False)
