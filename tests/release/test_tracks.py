"""Releases of variants, images and classifiers: their files, their certificates, and what is refused of them."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from runs import bench

from bench import Dataset, Images, load_model
from bench.conformance import haplotypes, people
from bench.core.errors import BenchError, DataError, MissingExtraError
from bench.datasets.importing import import_dataset, import_images
from bench.datasets.readers.matrices import Layout
from bench.execution import Limits
from bench.registry.finding import add_plugin_file
from bench.registry.selection import choose
from bench.release import formats
from bench.release.ledger import Ledger
from bench.release.make import RefusedReleaseError, Request, make_release
from bench.release.refusals import check_model
from bench.release.signature import problems_of

pytest.importorskip("cryptography")

_DRAWS = '''
from dataclasses import dataclass
import numpy as np
from bench import generator

@generator("{name}", modalities="all")
@dataclass(kw_only=True)
class Planted:
    """Draw each feature on its own, and then whatever the test wants."""

    def fit(self, cohort, *, rng):
        self.seen_ = cohort
        return self

    def sample(self, n, *, rng):
        seen = self.seen_
        X = np.stack([seen.X[rng.integers(len(seen), size=n), j] for j in range(seen.X.shape[1])], axis=1)
        y = seen.y[rng.integers(len(seen), size=n)]
{sample}
        return seen.synthetic(X, y)
'''
_KEEPS = '''
from dataclasses import dataclass
import numpy as np
from bench import ReleasedModel, generator

@generator("{name}", releases="model", modalities="all")
@dataclass(kw_only=True)
class Keeps:
    """Answer by the nearest of the people themselves."""

    def fit(self, cohort, *, rng):
        self.seen_ = cohort
        return self

    def release(self, *, rng):
        arrays = {{"kept": self.seen_.X[:40].T, "theirs": self.seen_.y[:40]}}
        return ReleasedModel(arrays, tuple(map(str, self.seen_.classes)), self.seen_.features)

    def predict_proba(self, model, X):
        return np.full((len(X), len(model.classes)), 1 / len(model.classes))
'''


def planted(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, sample: str = "") -> Any:
    """Return the choice of a generator written for a test."""
    monkeypatch.delitem(sys.modules, f"bench_plugin_{name}", raising=False)
    (folder / f"{name}.py").write_text(text.format(name=name, sample=textwrap.indent(sample, " " * 8)))
    add_plugin_file(folder / f"{name}.py")
    return choose("generator", name)[0]


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """A request of a classifier trained on 150 people, which nobody benchmarked."""
    mine = Dataset.from_cohort("mine", people(150, "tracks"), label="kind", simulated=True)
    return Request(
        dataset=mine, choice=choose("generator", "logistic")[0], out=tmp_path / "release", results=tmp_path / "results",
        unbenchmarked=True, ledger=tmp_path / "ledger.jsonl", key=tmp_path / "key.pem", limits=Limits(1, 1),
    )  # fmt: skip


@pytest.fixture
def genomes() -> Dataset:
    return Dataset.from_cohort("genomes", haplotypes(150, "tracks", sites=60), label="population", simulated=True)


@pytest.fixture
def pictures() -> Dataset:
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, size=(120, 6, 5, 1)).astype(np.uint8)
    images = Images(pixels=pixels, y=["a", "b"] * 60, samples=tuple(f"i{i}" for i in range(120)))
    return Dataset.from_cohort("pictures", images, simulated=True)


def certificate(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "certificate.json").read_text())
    return document


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


_ABOUT = {
    "CARD.html", "CARD.md", "certificate.json", "certificate.sig", "croissant.json", "healthdcat-ap.jsonld",
    "public_key.pem",
    "ro-crate-metadata.json",
}  # fmt: skip


# -- variants --------------------------------------------------------------------------------------------------------


def test_variants_are_released_as_indexed_vcf_that_imports_again(
    request_: Request, genomes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pysam")
    choice = choose("generator", "sites")[0]
    folder = make_release(
        replace(request_, dataset=genomes, choice=choice, hold_out=0.2, attacks=choose("attack", "gan_leaks"))
    )
    assert names_in(folder) >= {"synthetic.vcf.gz", "synthetic.vcf.gz.tbi", "synthetic.labels.csv"}
    assert list(problems_of(folder)) == []
    document = certificate(folder)
    assert document["data"]["kind"] == "variants"
    assert document["data"]["grid"] == "whole alleles"
    assert document["data"]["dictionary"]["features"]["names"] == list(genomes.cohort.sites)  # not once a haplotype
    assert document["exposure_of_this_release"]["strongest"]["n_attacks"] == 1
    assert "synthetic.labels.csv" in (folder / "CARD.md").read_text()
    listed = json.loads((folder / "croissant.json").read_text())["distribution"]
    assert {"synthetic.vcf.gz", "synthetic.vcf.gz.tbi"} <= {part["name"] for part in listed}
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    back = import_dataset(
        "again", folder / "synthetic.vcf.gz", folder / "synthetic.labels.csv",
        layout=Layout(label_columns=("population",)),
    ).cohort  # fmt: skip
    assert back.calls.shape == (120, 2, 60)
    assert document["data"]["classes"] == {str(k): int((back.y == k).sum()) for k in back.classes}


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("half = X.shape[1] // 2; X[0] = np.r_[seen.X[0, half:], seen.X[0, :half]]", "1 row is a person of the cohort"),
        (
            "half = X.shape[1] // 2; X[:, :half] = seen.X[rng.integers(150, size=len(X)), :half]",
            "haplotypes are carried by",
        ),
    ],
)
def test_a_person_with_swapped_haplotypes_and_haplotypes_of_people_are_refused(
    request_: Request, genomes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: str, words: str
) -> None:
    choice = planted(tmp_path, monkeypatch, "release_haplotypes", _DRAWS, sample)
    with pytest.raises(RefusedReleaseError, match=words):
        make_release(replace(request_, dataset=genomes, choice=choice, formats="vcf"))
    assert not request_.out.exists()


def test_haplotypes_that_real_people_share_are_no_leak(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Dataset.from_cohort("short", haplotypes(150, "tracks", sites=3), label="population", simulated=True)
    choice = planted(tmp_path, monkeypatch, "release_short", _DRAWS)
    with pytest.raises(RefusedReleaseError) as found:  # at three sites everybody is somebody else, too
        make_release(replace(request_, dataset=short, choice=choice, formats="vcf"))
    assert "rows are people" in str(found.value)
    assert "haplotypes are carried" not in str(found.value)


# -- images ----------------------------------------------------------------------------------------------------------


def test_images_are_released_as_arrays_that_import_again(
    request_: Request, pictures: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = planted(tmp_path, monkeypatch, "release_pixels", _DRAWS)
    folder = make_release(replace(request_, dataset=pictures, choice=choice))
    assert names_in(folder) == {*_ABOUT, "synthetic.npz"}
    assert list(problems_of(folder)) == []
    assert certificate(folder)["data"]["dictionary"]["features"]["names"] == ["6 x 5 x 1 (height, width, channels)"]
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    back = import_images("again", folder / "synthetic.npz").cohort
    assert back.pixels.shape == (120, 6, 5, 1)
    assert sorted(back.classes) == ["a", "b"]
    copies = planted(tmp_path, monkeypatch, "release_copied", _DRAWS, "X[:3] = seen.X[:3]")
    with pytest.raises(RefusedReleaseError, match="3 rows are people"):
        make_release(replace(request_, dataset=pictures, choice=copies, out=tmp_path / "other"))


# -- models ----------------------------------------------------------------------------------------------------------


def test_a_classifier_is_released_and_answers_as_it_was_trained(request_: Request) -> None:
    attacks = choose("attack", "model_gap,model_confidence,model_lira_code,gan_leaks")
    folder = make_release(replace(request_, hold_out=0.2, attacks=attacks))
    assert names_in(folder) == {*_ABOUT, "model.npz"}
    assert list(problems_of(folder)) == []
    document = certificate(folder)
    assert document["data"]["what"].startswith("A classifier of 3 classes by 24 features (expression, log2); ")
    assert document["exposure_of_this_release"]["strongest"]["n_attacks"] == 2  # no code, and none that needs rows
    assert document["checks"] == {"rows of its arrays that are, or nearly are, a person": "none"}
    card = (folder / "CARD.md").read_text()
    assert card.startswith("# Released classifier: mine")
    assert "every row was drawn" not in card.lower()
    model, cohort = load_model(folder), request_.dataset.cohort
    assert (model.predict(cohort.X) == cohort.y).mean() > 0.8
    shares = model.predict_proba(cohort.X)
    assert shares.shape == (150, 3)
    for name in ("croissant.json", "ro-crate-metadata.json"):
        text = (folder / name).read_text()
        assert "A classifier of 3 classes" in text
        assert "model.npz" in text


def test_a_model_that_was_changed_or_is_none_is_not_loaded(request_: Request, tmp_path: Path) -> None:
    folder = make_release(request_)
    with (folder / "model.npz").open("ab") as file:
        file.write(b"more")
    with pytest.raises(DataError, match="is not the file of the certificate"):
        load_model(folder)
    rows = make_release(replace(request_, choice=choose("generator", "multivariate")[0], out=tmp_path / "rows"))
    with pytest.raises(DataError, match="holds no released model, but 150 synthetic rows x 24 features"):
        load_model(rows)
    with pytest.raises(DataError, match="holds no certificate"):
        load_model(tmp_path)


def test_a_model_that_keeps_people_is_refused(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeps = planted(tmp_path, monkeypatch, "release_keeps", _KEEPS)
    with pytest.raises(RefusedReleaseError, match="keeps people: 40 rows of its arrays are people"):
        make_release(replace(request_, choice=keeps))
    assert [line["event"] for line in Ledger(tmp_path / "ledger.jsonl").lines()] == ["begun", "trained", "refused"]


def test_coefficients_are_nobody(request_: Request) -> None:
    from bench import ReleasedModel

    cohort, rng = request_.dataset.cohort, np.random.default_rng(0)
    weights = ReleasedModel({"w": rng.normal(size=(24, 3)), "b": np.zeros(3)}, ("a", "b", "c"), cohort.features)
    assert list(check_model(weights, cohort).reasons()) == []
    assert check_model(weights, cohort).rows == 3
    near = ReleasedModel({"w": cohort.X[:2] + np.float32(1e-3)}, ("a", "b", "c"), cohort.features)
    assert (check_model(near, cohort).copies, check_model(near, cohort).near_copies) == (0, 2)


def test_a_classifier_is_asked_on_the_command_line(request_: Request, tmp_path: Path) -> None:
    folder = make_release(request_)
    cohort = request_.dataset.cohort
    cohort.to_frame("kind").iloc[:5, ::-1].to_csv(tmp_path / "asked.csv", index_label="name")
    done = bench(tmp_path, "release", "predict", str(folder), "asked.csv", "--out", "answers.csv")
    assert done.returncode == 0, done.stderr
    answers = pd.read_csv(tmp_path / "answers.csv")
    assert list(answers.columns) == ["sample", "class", "a", "b", "c"]
    assert answers["sample"].tolist() == list(cohort.samples[:5])
    np.testing.assert_allclose(answers[["a", "b", "c"]], load_model(folder).predict_proba(cohort.X[:5]), atol=1e-5)
    (tmp_path / "short.csv").write_text("name,GENE0000\nx,1\n")
    done = bench(tmp_path, "release", "predict", str(folder), "short.csv", env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 2
    assert "the table has no column" in done.stderr


# -- said before anybody is trained on -------------------------------------------------------------------------------


def test_a_format_that_cannot_be_written_costs_no_budget(
    request_: Request, genomes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = replace(request_, dataset=genomes, choice=choose("generator", "sites")[0])
    with pytest.raises(BenchError, match=r"'csv' is not known of variants; expected some of vcf\.gz, vcf, bcf"):
        make_release(replace(sites, formats="csv"))
    monkeypatch.setattr(formats, "distributions_of", lambda package: [])
    with pytest.raises(MissingExtraError, match=r"writing vcf\.gz needs the package 'pysam'"):
        make_release(sites)
    with pytest.raises(RefusedReleaseError, match="logistic releases a model, which has no rows; leave --rows out"):
        make_release(replace(request_, rows=10))
    with pytest.raises(RefusedReleaseError, match="genomes is variants, and private_pgm serves expression"):
        make_release(replace(sites, choice=choose("generator", "private_pgm")[0]))
    assert Ledger(tmp_path / "ledger.jsonl").spent().releases == 0
