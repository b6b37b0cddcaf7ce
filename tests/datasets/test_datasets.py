"""Where a dataset is looked for, and what keeps it whole."""

from __future__ import annotations

import json
import logging
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bench import Cohort, DataError
from bench.cli.data import data_group
from bench.datasets import Dataset, dataset_names, load_dataset, where_is
from bench.datasets.folds import make_splits, read_splits
from bench.datasets.home import data_home
from bench.datasets.importing import import_dataset


@pytest.fixture(autouse=True)
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    if "real_data" not in request.keywords:
        monkeypatch.setenv("BENCH_DATA_HOME", str(folder))
    return folder


def _write_challenge(folder: Path, cohort: Cohort, code: str, label: str) -> tuple[Path, Path]:
    counts = folder / f"{code}_primary_tumor_star_deseq_VST_lmgenes.tsv"
    labels = folder / f"{code}_primary_tumor_subtypes.csv"
    lines = ["\t".join(["gene", *cohort.samples])]
    lines += ["\t".join([gene, *map(str, column)]) for gene, column in zip(cohort.genes, cohort.X.T, strict=True)]
    counts.write_text("\n".join(lines) + "\n")
    rows = [f"{name},P{i},{y}" for i, (name, y) in enumerate(zip(cohort.samples, cohort.y, strict=True))]
    labels.write_text("\n".join([f"samplesID,patient,{label}", *rows]) + "\n")
    return counts, labels


@pytest.fixture
def toy_files(toy_cohort: Cohort, tmp_path: Path) -> tuple[Path, Path]:
    return _write_challenge(tmp_path, toy_cohort, "TOY", "type")


def _bench_data(*args: object) -> Result:
    return CliRunner().invoke(data_group, [str(arg) for arg in args], terminal_width=200)


# -- where a dataset is looked for -------------------------------------------------------------------------------------


def test_the_challenge_files_in_the_home_are_read_as_they_lie(toy_cohort: Cohort, home: Path) -> None:
    _write_challenge(home, toy_cohort, "TCGA-BRCA", "Subtype")
    assert where_is("brca") == "files"
    dataset = load_dataset("brca")
    assert (dataset.name, dataset.label, dataset.simulated, dataset.slug) == ("brca", "Subtype", False, "brca")
    assert dataset.cohort.genes == toy_cohort.genes
    assert dataset.cohort.y.tolist() == toy_cohort.y.tolist()
    np.testing.assert_array_equal(dataset.cohort.X, toy_cohort.X)


def test_an_imported_dataset_goes_before_the_files(toy_cohort: Cohort, home: Path) -> None:
    counts, labels = _write_challenge(home, toy_cohort, "TCGA-BRCA", "Subtype")
    dataset = load_dataset("brca")
    imported = import_dataset("brca", counts, labels)
    counts.write_text("damaged")
    assert where_is("brca") == "imported"
    assert load_dataset("brca").digest == imported.digest == dataset.digest


def test_the_reference_file_in_the_home_is_read_too(toy_cohort: Cohort, home: Path) -> None:
    codes = np.array([{"a": "TCGA-LUAD", "b": "TCGA-OV", "c": "TCGA-SKCM"}[y] for y in toy_cohort.y.tolist()])
    cohort = Cohort(toy_cohort.X, codes, toy_cohort.genes, toy_cohort.samples, "vst")
    counts, _ = _write_challenge(home, cohort, "TCGA-COMBINED", "cancer_type")
    names, *rows = (line.split("\t") for line in counts.read_text().splitlines())
    others = [[names[0], *(f"R{name}" for name in names[1:10])], *(row[:10] for row in rows)]
    text = "\n".join("\t".join(row) for row in others)
    counts.with_name("TCGA-COMBINED_primary_tumor_star_deseq_VST_lmgenes_reference.tsv").write_text(text + "\n")
    dataset = load_dataset("combined")
    assert dataset.reference is not None
    np.testing.assert_array_equal(dataset.reference.X, toy_cohort.X[:9])
    assert set(dataset.cohort.obs["tissue"].tolist()) == {"Lung", "Ovarian", "Skin"}


def test_half_of_the_files_is_an_error_and_no_simulation(toy_cohort: Cohort, home: Path) -> None:
    _, labels = _write_challenge(home, toy_cohort, "TCGA-BRCA", "Subtype")
    labels.unlink()
    with pytest.raises(DataError, match=r"but no TCGA-BRCA_primary_tumor_subtypes.csv. Put the missing file beside it"):
        load_dataset("brca")


def test_two_candidates_for_one_file_are_an_error(toy_cohort: Cohort, home: Path) -> None:
    counts, _ = _write_challenge(home, toy_cohort, "TCGA-BRCA", "Subtype")
    counts.with_name("TCGA-BRCA_primary_tumor_counts.tsv").write_bytes(counts.read_bytes())
    with pytest.raises(DataError, match=r"has several counts files, .*; keep one of them"):
        load_dataset("brca")


def test_an_unknown_name_suggests_the_near_one() -> None:
    with pytest.raises(DataError, match=r"there is no dataset 'combind'. Did you mean 'combined'\?"):
        load_dataset("combind")


def test_a_cohort_without_files_and_stand_in_says_what_to_do(home: Path) -> None:
    assert where_is("mirna12") == "absent"
    with pytest.raises(DataError, match=r"'mirna12' is not here.*Put its files TCGA-MIRNA12_primary_tumor_\*.tsv"):
        load_dataset("mirna12")


def test_a_home_that_does_not_exist_is_no_reason_to_simulate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", "/no/such/folder")
    with pytest.raises(DataError, match=r"'/no/such/folder', which is no folder. Make the folder, mend the path or"):
        load_dataset("brca")


def test_the_default_home_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BENCH_DATA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_home() == tmp_path / "omics-bench"
    assert where_is("brca") == "simulated"  # although that folder does not exist


def test_a_simulated_cohort_says_so_loudly(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        dataset = load_dataset("brca")
    assert dataset.simulated
    assert (dataset.label_name, dataset.slug, dataset.label) == ("brca (simulated)", "brca-simulated", "Subtype")
    assert dataset.cohort.X.shape == (1089, 978)
    assert "SIMULATED DATA" in caplog.text
    assert "bench data fetch brca" in caplog.text


PLUGIN = """
import numpy as np
from bench import Cohort
from bench.datasets import Dataset

def make():
    cohort = Cohort(np.eye(4), ["a", "a", "b", "b"], tuple("wxyz"), tuple("1234"), "log2")
    return Dataset("theirs", "Their cohort", "type", cohort, None, False, "the package they")
"""


def test_a_dataset_of_an_installed_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    info = site / "they-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: they\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.datasets]\ntheirs = they_data:make\nwrong = they_data:dict\n")
    (site / "they_data.py").write_text(PLUGIN + "\ndict = dict\n")
    monkeypatch.syspath_prepend(str(site))
    assert "theirs" in dataset_names()
    assert load_dataset("theirs").cohort.genes == ("w", "x", "y", "z")
    with pytest.raises(
        DataError, match=r"gave dict; expected a function that returns a .*Dataset whose name is 'wrong'"
    ):
        load_dataset("wrong")
    del sys.modules["they_data"]


# -- the canonical form ------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(toy_files: tuple[Path, Path], home: Path) -> Path:
    import_dataset("toy", *toy_files, units="vst")
    return home / "toy"


def test_the_manifest_says_where_the_data_came_from(stored: Path, toy_files: tuple[Path, Path]) -> None:
    manifest = json.loads((stored / "manifest.json").read_text())
    assert manifest["classes"] == {"a": 30, "b": 20, "c": 10}
    assert (manifest["label"], manifest["units"], manifest["n_samples"], manifest["n_genes"]) == ("type", "vst", 60, 16)
    assert [file["path"] for file in manifest["files"]] == [str(path) for path in toy_files]
    assert all(len(file["sha256"]) == 64 for file in manifest["files"])


def _alter_values(folder: Path, *, without: str = "") -> None:
    with np.load(folder / "cohort.npz") as z:
        arrays = {name: z[name] for name in z.files if name != without}
    arrays["X"] = arrays["X"] + 1
    np.savez(folder / "cohort.npz", **arrays)


def _forge(folder: Path) -> None:
    _alter_values(folder, without="sha256")  # as a file of the first version, which had no digest of its own


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_alter_values, "is not what was written .its digest differs.. Delete it and import or compute it again"),
        (_forge, "but its manifest says .*: the file was changed after import. Import dataset 'toy' again"),
        (lambda folder: (folder / "cohort.npz").write_bytes(b"PK\x03\x04"), "cannot be read as a cohort"),
        (lambda folder: (folder / "cohort.npz").unlink(), "cannot be read as a cohort"),
    ],
)
def test_a_damaged_dataset_is_one_clear_error(
    damage: Callable[[Path], object], message: str, stored: Path
) -> None:  # fmt: skip
    damage(stored)
    with pytest.raises(DataError, match=message):
        load_dataset("toy")
    verified = _bench_data("verify", "toy")
    assert verified.exit_code == 1
    assert "cohort: FAILED" in verified.output


@pytest.mark.parametrize("content", ["{}", "[1", "[]", '{"files": [{"role": "counts"}]}', '{"files": [], "format": 9}'])
def test_a_damaged_manifest_is_one_clear_error_and_the_list_goes_on(content: str, stored: Path) -> None:
    (stored / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"manifest.json is no manifest .* Import dataset 'toy' again"):
        load_dataset("toy")
    listed = _bench_data("list")
    assert listed.exit_code == 0
    assert "damaged" in listed.output


def test_an_npz_with_pickled_objects_is_not_loaded(stored: Path) -> None:
    np.savez(stored / "cohort.npz", X=np.array([print], dtype=object))
    with pytest.raises(DataError, match=r"cannot be read as a cohort.*pickle"):
        load_dataset("toy")


def test_a_full_disk_leaves_nothing_half_written(toy_files: tuple[Path, Path], home: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))  # no file may grow beyond 1 kB
    try:
        with pytest.raises(DataError, match=r"cannot write .*toy: File too large. Free some space or choose another"):
            import_dataset("toy", *toy_files, units="vst")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(home.iterdir()) == []


def test_a_home_that_cannot_be_written_is_one_clear_error(
    toy_files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(DataError, match=r"cannot write .*home/toy: Not a directory. Free some space or choose another"):
        import_dataset("toy", *toy_files, units="vst")


# -- the command line --------------------------------------------------------------------------------------------------


def test_import_list_show_and_verify_work_together(toy_files: tuple[Path, Path], home: Path) -> None:
    counts, labels = toy_files
    result = _bench_data("import", "toy", "--counts", counts, "--labels", labels, "--units", "vst", "--title", "A toy")
    assert result.exit_code == 0, result.output
    assert "60 samples x 16 genes, 3 classes" in result.output
    listed = _bench_data("list").output
    body = listed[listed.index("\nname") :].splitlines()[
        2:
    ]  # below the title, which may fill several lines, and the head
    assert {line.split()[0] for line in body if line[0] != " "} >= {"brca", "combined", "digits", "mirna12", "toy"}
    assert "60 x 16" in listed
    shown = _bench_data("show", "toy").output
    assert "toy: A toy" in shown
    assert load_dataset("toy").digest in shown
    assert [line.split() for line in shown.splitlines()[-3:]] == [["a", "30"], ["b", "20"], ["c", "10"]]
    verified = _bench_data("verify")
    assert verified.exit_code == 0
    ours = [line for line in verified.output.splitlines() if not line.startswith("digits: ")]  # scikit-learn brings it
    assert sum(": ok, " in line for line in ours) == 3


def test_the_folds_are_exported(stored: Path, tmp_path: Path) -> None:
    result = _bench_data("splits", "toy", tmp_path / "TOY_splits.yaml", "--seed", 7)
    assert result.exit_code == 0, result.output
    cohort = load_dataset("toy").cohort
    exported = read_splits(tmp_path / "TOY_splits.yaml", cohort, seed=7)
    assert [split.digest for split in exported] == [split.digest for split in make_splits(cohort, seed=7)]


DOCS = Path(__file__).parents[2] / "docs" / "data.md"


@pytest.mark.parametrize(
    "line", re.findall(r"^bench data .*$", DOCS.read_text() if DOCS.is_file() else "", re.MULTILINE)
)
def test_every_command_in_the_docs_exists(line: str) -> None:
    name, *args = shlex.split(line, comments=True)[2:]
    command = data_group.commands[name]
    command.make_context(name, args)  # fails on an unknown option or a missing argument


def test_verify_tells_a_changed_source_from_one_that_is_gone(stored: Path, toy_files: tuple[Path, Path]) -> None:
    counts, labels = toy_files
    labels.unlink()
    result = _bench_data("verify", "toy")
    assert result.exit_code == 0
    assert "is no longer there; the imported form does not need it" in result.output
    counts.write_text(counts.read_text() + " ")
    result = _bench_data("verify", "toy")
    assert result.exit_code == 1
    assert "counts file: FAILED" in result.output


def test_a_dataset_knows_its_digest(toy_cohort: Cohort) -> None:
    assert Dataset("t", "t", "y", toy_cohort, None, False, "here").digest == toy_cohort.digest


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "shape", "units", "sizes"),
    [
        ("brca", (1089, 978), "vst", {"BRCA.LumA": 562, "BRCA.LumB": 217, "BRCA.Basal": 188, "BRCA.Her2": 82}),
        ("mirna12", (4089, 505), "log2", {"TCGA-BRCA": 755, "TCGA-SKCM": 97}),
    ],
)
def test_the_real_cohorts_have_their_published_shape(
    name: str, shape: tuple[int, int], units: str, sizes: dict[str, int]
) -> None:
    dataset = load_dataset(name)
    assert not dataset.simulated
    assert dataset.cohort.X.shape == shape
    assert dataset.cohort.units == units
    counts = dict(zip(*np.unique(dataset.cohort.y, return_counts=True), strict=True))
    assert {label: counts[label] for label in sizes} == sizes
