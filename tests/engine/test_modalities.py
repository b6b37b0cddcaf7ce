"""Images run beside expression: plugins serve what they declare, and the matrix plugins work on the flat view."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import runs
from sklearn.datasets import load_digits

from bench import Cohort, DataError, Dataset, Images, PluginError, generator, run
from bench.conformance.plugins import checks_of
from bench.engine.plan import plan_generators
from bench.execution import Serial
from bench.registry.declarations import read_info
from bench.registry.digests import code_digest, forget
from bench.registry.finding import add_plugin_file, plugins
from bench.registry.selection import choose

MATRIX_ATTACKS = "gan_leaks,mc,mahalanobis_class,tracing,noisy_sum_ratio,noisy_sum_ratio_blind,domias_gaussian"
MATRIX_METRICS = "mmd,prdc,distance_to_closest,tstr"
BRUSH = '''
from dataclasses import dataclass
import numpy as np
from bench import generator

@generator("brush", modalities=("images",))
@dataclass(kw_only=True)
class Brush:
    """Release the training images a little darker."""

    def fit(self, images, *, rng):
        self.images_ = images
        return self

    def sample(self, n, *, rng):
        rows = rng.integers(len(self.images_), size=n)
        pixels = 0.95 * self.images_.pixels[rows]
        noise = rng.normal(0, 0.02, pixels.shape)
        return self.images_.synthetic(pixels + noise, self.images_.y[rows])
'''


@pytest.fixture(scope="module")
def drawings() -> Dataset:
    """120 handwritten digits of 8 x 8 pixels, three classes, and 40 more as a reference."""
    data = load_digits(n_class=3)
    pixels = (data.images / 16).astype(np.float32)[..., None]
    images = Images(pixels=pixels, y=[str(d) for d in data.target], samples=tuple(f"d{i}" for i in range(len(pixels))))
    return Dataset.from_cohort("drawings", images.take(range(120)), reference=images.take(range(120, 160)))


@pytest.fixture
def brush(tmp_path: Path) -> Path:
    path = tmp_path / "brush.py"
    path.write_text(BRUSH)
    return path


def test_images_run_through_the_same_command(drawings: Dataset, brush: Path, tmp_path: Path) -> None:
    results = run(
        "brush,copy_train,smote", drawings, folds=1, metrics=MATRIX_METRICS, attacks=MATRIX_ATTACKS,
        plugins=[brush], out=tmp_path / "out", executor=Serial(), progress=False,
    )  # fmt: skip
    assert results.lost == 0
    assert results.attacks()["gan_leaks"]["copy_train"] == 1.0
    assert results.attacks()["gan_leaks"]["brush"] > 0.6
    assert set(results.attacks()) >= set(MATRIX_ATTACKS.split(","))
    rows = results.rows
    assert rows.loc[rows["family"].isin(["fidelity", "utility"]), "value"].notna().all()


def test_all_leaves_out_what_does_not_serve_the_modality(drawings: Dataset, tmp_path: Path) -> None:
    scope = runs.scope_of(drawings, tmp_path)
    cells = plan_generators(scope, choose("generator", "all"), choose("metric", "all"), choose("attack", "all"))
    made = {cell.cell.generator for cell in cells}
    assert {"copy_train", "smote"} <= made
    assert not made & {"private_pgm", "ctgan", "nmf"}
    scored = {task.plugin.name for task in cells[0].tasks}
    assert {"mmd", "prdc", "mahalanobis_class"} <= scored
    assert not scored & {"coexpression", "differential_expression", "class_modules"}


def test_plugins_for_images_stay_out_of_expression(brush: Path, tmp_path: Path, toy_cohort: Cohort) -> None:
    add_plugin_file(brush)
    scope = runs.scope_of(runs.toy_dataset(toy_cohort), tmp_path)
    cells = plan_generators(scope, choose("generator", "all"), [], [])
    assert "brush" not in {cell.cell.generator for cell in cells}
    with pytest.raises(DataError, match="is expression, and no generator that was chosen serves that: brush serves im"):
        plan_generators(scope, choose("generator", "brush"), [], [])


def test_a_named_plugin_of_another_modality_is_said_to_be_not_applicable(
    drawings: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.run.load_dataset", lambda name: drawings)
    words = "run --dataset drawings --generators noise,nmf --metrics mmd,coexpression --attacks all --folds 1 --dry-run"
    done = runs.bench(tmp_path, *words.split())
    assert done.returncode == 0
    assert "not applicable to images: nmf, coexpression\n" in done.stderr  # and not what `all` brought
    assert "120 samples x 64 features" in done.stderr


@pytest.mark.parametrize("declared", ["pictures", ("images", "sounds"), (), 3])
def test_an_unknown_modality_is_refused(declared: object) -> None:
    with pytest.raises(PluginError, match=r"modalities .*; expected 'all' or a tuple of 'expression', 'variants', 'im"):
        generator("odd", modalities=declared)(type("Odd", (), {"__dataclass_fields__": {}}))  # type: ignore[arg-type]


def test_what_a_plugin_serves_is_no_part_of_its_key(tmp_path: Path) -> None:
    digests = []
    for modalities in ("", ', modalities="all"', ', modalities=("images",)'):
        path = tmp_path / "brush.py"
        path.write_text(BRUSH.replace(', modalities=("images",)', modalities))
        info = read_info(path, "bench_plugin_brush")
        assert info is not None
        forget()
        digests.append(code_digest(info))
    assert len(set(digests)) == 1


def test_a_generator_of_images_keeps_the_contract(brush: Path) -> None:
    info = add_plugin_file(brush)
    for check in checks_of(info):
        check(info)


def test_the_list_says_what_a_plugin_serves(tmp_path: Path, brush: Path) -> None:
    said = " ".join(runs.bench(tmp_path, "list", "generators", "--plugin", str(brush)).stdout.split())
    assert "serves images" in said
    assert "serves expression, variants, images" in said  # the controls


def test_declarations_of_matrix_plugins_are_true(drawings: Dataset, tmp_path: Path) -> None:
    """What declares every modality gives finite numbers on images."""
    names = {
        kind: ",".join(
            i.name
            for i in plugins(kind).values()
            if "images" in i.modalities
            and i.released == "data"
            and not i.option("opt_in")
            and "torch" not in i.option("needs", ())
        )
        for kind in ("metric", "attack")
    }
    results = run(
        "multivariate", drawings, folds=1, metrics=names["metric"], attacks=names["attack"],
        out=tmp_path / "out", executor=Serial(), progress=False,
    )  # fmt: skip
    assert results.lost == 0
    auc = results.rows[(results.rows["measure"] == "auc")]
    assert len(auc) == len(names["attack"].split(","))
    assert all(math.isfinite(value) for value in auc["value"])
