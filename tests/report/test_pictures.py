"""The PCA pictures: one basis from the training samples, small files, and the word simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import Cohort, DataError
from bench.datasets import Dataset
from bench.datasets.folds import make_splits
from bench.engine import records
from bench.engine.plan import PlannedCell, Scope, plan_generators
from bench.engine.releases import planned_releases
from bench.engine.results import rows_of
from bench.engine.tasks import run_task
from bench.registry.selection import choose
from bench.report.figures.pca import draw_pca, draw_releases
from bench.statistics.pca import fit_basis
from bench.store.rows import table
from bench.store.store import Store


def cohort(n: int, classes: int, seed: int, shift: float = 0.0) -> Cohort:
    rng = np.random.default_rng(seed)
    y = np.array([f"class {i % classes}" for i in range(n)])
    X = rng.normal(size=(n, 20)) * np.linspace(3, 1, 20) + shift
    names = tuple(f"s{i}" for i in range(n))
    return Cohort(X=X, y=y, genes=tuple(f"g{i}" for i in range(20)), samples=names, units="vst")


def test_the_basis_is_orthonormal_and_holds_the_largest_variances() -> None:
    real = cohort(200, 3, 0)
    basis = fit_basis(real)
    variances = np.linalg.eigvalsh(np.cov(real.X.T.astype(np.float64)))
    np.testing.assert_allclose(basis.axes.T @ basis.axes, np.eye(2), atol=1e-10)
    np.testing.assert_allclose(basis.project(real).var(axis=0, ddof=1), variances[::-1][:2], rtol=1e-5)
    np.testing.assert_allclose(basis.explained, variances[::-1][:2] / variances.sum(), rtol=1e-5)


def test_the_basis_does_not_depend_on_the_order_of_samples() -> None:
    real = cohort(200, 3, 0)
    turned = fit_basis(real.take(np.arange(200)[::-1]))
    np.testing.assert_allclose(turned.axes, fit_basis(real).axes, atol=1e-8)


def test_a_picture_of_ten_panels_and_twelve_classes_is_small(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard" / "x_pca.png"
    synthetic = {f"generator {i}": cohort(1500, 12, i + 1) for i in range(9)}
    draw_pca(path, cohort(1500, 12, 0), synthetic, title="t", simulated=False)
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width > image.height > 600
    assert path.stat().st_size <= 300_000


def test_a_picture_of_the_same_data_is_left_as_it_is_and_one_of_other_data_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    real, first, second = cohort(60, 3, 0), cohort(60, 3, 1), cohort(60, 3, 2)
    draw_pca(path, real, {"a": first}, title="t", simulated=False)
    pixels, when = path.read_bytes(), path.stat().st_mtime_ns
    draw_pca(path, real, {"a": first}, title="t", simulated=False)
    assert path.stat().st_mtime_ns == when
    draw_pca(path, real, {"a": second}, title="t", simulated=False)
    assert path.read_bytes() != pixels


def test_a_damaged_picture_is_drawn_again(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"no picture")
    draw_pca(path, cohort(60, 3, 0), {"a": cohort(60, 3, 1)}, title="t", simulated=False)
    with Image.open(path) as image:
        assert image.format == "PNG"


def test_a_simulated_picture_carries_its_mark_in_red(tmp_path: Path) -> None:
    real, other = cohort(60, 2, 0), cohort(60, 2, 1)
    reds = {}
    for simulated in (False, True):
        path = tmp_path / f"{simulated}.png"
        draw_pca(path, real, {"a": other}, title="t", simulated=simulated)
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        reds[simulated] = int(((pixels[..., 0] > 150) & (pixels[..., 1] < 40) & (pixels[..., 2] < 40)).sum())
    assert reds[False] == 0
    assert reds[True] > 50


def test_a_release_far_from_the_real_data_is_drawn_without_stretching_the_axes(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    draw_pca(path, cohort(60, 2, 0), {"far": cohort(60, 2, 1, shift=1e6)}, title="t", simulated=False)
    assert path.stat().st_size > 0


def test_a_release_with_other_genes_is_refused(tmp_path: Path) -> None:
    real = cohort(60, 2, 0)
    other = Cohort(X=real.X, y=real.y, genes=real.genes[::-1], samples=real.samples, units="vst")
    with pytest.raises(DataError, match="genes"):
        draw_pca(tmp_path / "x.png", real, {"turned": other}, title="t", simulated=False)


def planned(folder: Path, people: Cohort, names: str) -> tuple[Scope, list[PlannedCell]]:
    dataset = Dataset("toy", "toy people", "label", people, None, False, "the tests")
    scope = Scope(dataset, make_splits(people, seed=42)[:1], Store(folder / "store").open())
    return scope, plan_generators(scope, choose("generator", names), [], [])


def draw_run(path: Path, scope: Scope, plan: list[PlannedCell]) -> None:
    found = planned_releases(scope, plan)
    if found is not None:
        draw_releases(path, found, scope.dataset)


def finish(scope: Scope, plan: list[PlannedCell]) -> None:
    for one in plan:
        run_task(one.cell, one.tasks[0])
    rows = table(row for one in plan for row in rows_of(one, scope.store, {}))
    records.keep(scope.store, scope.dataset, rows, records.about(scope.dataset, 2))


def drawn_from(path: Path) -> str:
    with Image.open(path) as image:
        return str(image.info["bench-drawn-from"])


def test_a_run_draws_what_it_made_together_with_what_earlier_runs_made(tmp_path: Path, toy_cohort: Cohort) -> None:
    path = tmp_path / "x.png"
    scope, both = planned(tmp_path, toy_cohort, "multivariate,noise")
    finish(scope, both[:1])
    draw_run(path, scope, both[:1])
    one = drawn_from(path)
    finish(scope, both[1:])
    draw_run(path, scope, both[1:])
    two = drawn_from(path)
    draw_run(path, scope, both)
    assert one != two == drawn_from(path)


def test_a_run_in_which_every_generator_failed_draws_nothing(tmp_path: Path, toy_cohort: Cohort) -> None:
    scope, plan = planned(tmp_path, toy_cohort, "noise")
    draw_run(tmp_path / "x.png", scope, plan)
    draw_run(tmp_path / "x.png", scope, [])
    assert not (tmp_path / "x.png").exists()
