"""Steps from raw to ready do what they say, are recorded, give the same data again, and say whom they looked at."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cohort_files import COUNTS, GENES, KINDS, LINEAR, SAMPLES
from runs import bench as command

from bench import Cohort, DataError, Dataset, load_dataset
from bench.boundary.plain_release import plain_release
from bench.datasets.folds import make_splits
from bench.datasets.gene_lists import landmark_genes
from bench.datasets.home import data_home, read_manifest
from bench.datasets.importing import import_dataset
from bench.datasets.per_fold import split_in_fold
from bench.datasets.steps import STEPS
from bench.store.rows import read_rows
from bench.store.store import Store


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    caplog.set_level(logging.WARNING)
    return tmp_path / "home"


def files(folder: Path, values: Any = COUNTS, genes: Any = GENES, kinds: Any = KINDS) -> tuple[Path, Path]:
    pd.DataFrame(np.transpose(values), index=pd.Index(genes, name="gene"), columns=SAMPLES).to_csv(
        folder / "x.tsv", sep="\t"
    )
    pd.DataFrame({"samplesID": SAMPLES, "type": kinds}).to_csv(folder / "y.csv", index=False)
    return folder / "x.tsv", folder / "y.csv"


def ready(folder: Path, *steps: str, units: str = "counts", **given: Any) -> Cohort:
    reference = given.pop("reference", None)
    return import_dataset("x", *files(folder, **given), units=units, transform=steps, reference=reference, force=True).expression  # fmt: skip


def test_counts_become_logarithms_of_counts_per_million(tmp_path: Path) -> None:
    cohort = ready(tmp_path, "cpm", "log2")
    expected = np.log2(1 + COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e6)
    np.testing.assert_allclose(cohort.X, expected, rtol=1e-6)
    manifest = read_manifest(data_home(), "x")
    assert (cohort.units, manifest.outside) == ("log2", ())
    assert [done.step for done in manifest.steps] == ["cpm", "log2"]


def test_genes_chosen_on_everybody_are_outside_every_claim(tmp_path: Path) -> None:
    values = COUNTS.copy()
    values[:, 3] = 0
    values[:17, 4] = 2  # 3 of 20 samples have enough
    values[:16, 5] = 2  # 4 of 20
    cohort = ready(tmp_path, "expressed[count=10,share=0.2]", "cpm", "log2", "top-variance[n=4]", values=values)
    kept = [i for i in range(12) if i not in (3, 4)]
    logs = np.log2(1 + values[:, kept] / values[:, kept].sum(axis=1, keepdims=True) * 1e6)
    best = np.sort(np.argsort(-logs.var(axis=0))[:4])
    assert cohort.genes == tuple(GENES[kept[i]] for i in best)
    outside = load_dataset("x").outside
    assert outside == ("genes chosen by expression in everybody (10 or more in 20% of the samples)", "the 4 genes of largest variance in everybody")  # fmt: skip
    assert read_manifest(data_home(), "x").steps[0].did == "10 of 12 genes kept: 10 or more in 20% of the samples"


def test_landmark_genes_are_found_by_each_of_their_names_and_are_public(tmp_path: Path) -> None:
    rows = landmark_genes()[:4]
    genes = [f"{rows[0][0]}.7", rows[1][1], rows[2][2], *GENES[3:]]
    cohort = ready(tmp_path, "landmark", "cpm", "log2", genes=genes)
    known = {name for row in landmark_genes() for name in row}
    assert cohort.genes == tuple(genes[:3] + [gene for gene in GENES[3:] if gene in known])
    assert load_dataset("x").outside == ()


def test_a_constant_dispersion_stabilises_the_variance_and_nears_the_logarithm(tmp_path: Path) -> None:
    cohort = ready(tmp_path, "vst[dispersion=0.5,reads=1e6]")
    q = COUNTS * 1e6 / COUNTS.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(cohort.X, np.log2((1 + q + 2 * np.sqrt(0.5 * q * (1 + 0.5 * q))) / 2), rtol=1e-6)
    assert (cohort.units, load_dataset("x").outside) == ("vst", ())
    rng = np.random.default_rng(1)
    spread = []
    for mean in (20, 200, 2000, 20000):  # negative binomial counts of one dispersion, at unequal means
        draws = rng.negative_binomial(2, 2 / (2 + mean), (20, 12))
        a = 0.5
        spread.append(np.log2((1 + 2 * a * draws + 2 * np.sqrt(a * draws * (1 + a * draws))) / (4 * a)).std())
    assert max(spread) / min(spread) < 1.2


def test_a_fitted_transformation_finds_the_dispersion_and_is_outside(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    means = np.exp(rng.uniform(3, 9, 400))
    size = 1 / (0.2 + 3 / means)  # dispersion 0.2 + 3 / mean
    factors = rng.uniform(0.5, 2, (20, 1))
    values = rng.negative_binomial(size, size / (size + factors * means)) + 1
    ready(tmp_path, "vst-fitted", values=values, genes=[f"G{i}" for i in range(400)])
    manifest = read_manifest(data_home(), "x")
    a0, a1 = (float(text) for text in manifest.steps[0].did.split("dispersion ")[1].split(" / mean")[0].split(" + "))
    assert 0.15 < a0 < 0.25
    assert 0.5 < a1 < 8
    assert manifest.outside == ("VST: size factors and trend of dispersion",)


def test_samples_and_classes_are_dropped_and_merged_in_order(tmp_path: Path) -> None:
    kinds = ["", "NA", "[Not Available]", *["a1"] * 6, *["a2"] * 5, *["b"] * 5, "c"]
    (tmp_path / "map.csv").write_text("old,new\na1,a\na2,a\n")
    cohort = ready(tmp_path, "drop-unlabelled", f"labels-map[file={tmp_path / 'map.csv'}]", "drop-small-classes[n=2]", "cpm", "log2", kinds=kinds)  # fmt: skip
    assert (cohort.samples, cohort.y.tolist()) == (tuple(SAMPLES[3:19]), ["a"] * 11 + ["b"] * 5)
    told = [done.did for done in read_manifest(data_home(), "x").steps]
    assert told[0] == "3 samples without a label left out"
    assert told[1] == "a1 is a, a2 is a"
    assert told[2] == "classes of fewer than 2 samples left out: c (1)"


def test_a_label_without_a_new_name_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("old,new\nc,\n")
    kinds = ["c"] * 4 + KINDS[4:]
    assert ready(tmp_path, f"labels-map[file={tmp_path / 'map.csv'}]", kinds=kinds).samples == tuple(SAMPLES[4:])


def test_genes_with_missing_values_are_left_out_on_demand_only(tmp_path: Path) -> None:
    values = COUNTS.astype(object)
    values[3, 2], values[4, 7] = "NA", ""
    with pytest.raises(DataError, match=r"the cell of row 'ESR1', column 'S03' holds 'NA'"):
        ready(tmp_path, values=values)
    cohort = ready(tmp_path, "complete-genes", values=values)
    keep = [i for i in range(12) if i not in (2, 7)]
    assert cohort.genes == tuple(GENES[i] for i in keep)
    np.testing.assert_array_equal(cohort.X, COUNTS[:, keep])
    values[3, 2] = "high"
    with pytest.raises(DataError, match=r"holds 'high'; expected a finite number"):
        ready(tmp_path, "complete-genes", values=values)


def test_transcripts_are_added_up_by_a_table(tmp_path: Path) -> None:
    genes = [f"ENST{i:011d}.2" for i in range(12)]
    rows = [f"ENST{i:011d}.{5 if i % 2 else 2},gene{i // 3}" for i in range(9)]
    (tmp_path / "tx2gene.csv").write_text("\n".join(["tx,gene", *rows]))
    cohort = ready(tmp_path, f"sum-to-genes[map={tmp_path / 'tx2gene.csv'}]", genes=genes)
    assert cohort.genes == ("gene0", "gene1", "gene2")
    np.testing.assert_array_equal(cohort.X, COUNTS[:, :9].reshape(20, 3, 3).sum(axis=2))


def test_a_list_of_genes_is_taken(tmp_path: Path) -> None:
    (tmp_path / "genes.txt").write_text("MYC\nTP53\nNOT1\n")
    assert ready(tmp_path, f"genes[file={tmp_path / 'genes.txt'}]").genes == ("TP53", "MYC")


def test_expected_counts_are_rounded_and_normalised_values_become_logarithms(tmp_path: Path) -> None:
    np.testing.assert_array_equal(ready(tmp_path, "round", values=COUNTS + 0.3).X, COUNTS)
    np.testing.assert_allclose(ready(tmp_path, "log2", values=LINEAR, units="linear").X, np.log2(LINEAR + 1), rtol=1e-6)


def test_the_reference_takes_the_same_steps_and_decides_nothing(tmp_path: Path) -> None:
    more = np.random.default_rng(2).poisson(60, (5, 12))
    frame = pd.DataFrame(more.T, index=pd.Index(GENES, name="gene"), columns=[f"R{i}" for i in range(5)])
    frame.iloc[::-1].to_csv(tmp_path / "reference.tsv", sep="\t")
    values = COUNTS.copy()
    values[:, 0] = 0
    ready(
        tmp_path, "expressed", "cpm", "log2", "top-variance[n=5]", values=values, reference=tmp_path / "reference.tsv"
    )
    dataset = load_dataset("x")
    assert dataset.reference is not None
    logs = pd.DataFrame(np.log2(1 + more[:, 1:] / more[:, 1:].sum(axis=1, keepdims=True) * 1e6), columns=GENES[1:])
    np.testing.assert_allclose(dataset.reference.X, logs[list(dataset.expression.genes)], rtol=1e-6)


def test_the_same_words_give_the_same_data(tmp_path: Path) -> None:
    steps = ("expressed", "vst-fitted", "top-variance[n=6]")
    first = ready(tmp_path, *steps).digest
    recorded = [done.step for done in read_manifest(data_home(), "x").steps]
    assert recorded == list(steps)
    assert ready(tmp_path, *recorded).digest == first


WRONG = {
    "unknown": (("log3",), "--transform 'log3' is no step. Did you mean 'log2'?"),
    "unknown parameter": (("log2[base=3]",), "log2 has no parameter 'base'; its parameters: add"),
    "no number": (("expressed[share=half]",), "share='half'; expected a number of 0 or more, such as 0.2"),
    "no whole number": (("top-variance[n=1.5]",), "n='1.5'; expected a whole number of 0 or more, such as 1000"),
    "negative": (("log2[add=-1]",), "add='-1'; expected a number of 0 or more"),
    "no file": (("genes",), "genes needs its parameter 'file', as in genes[file=FILE]"),
    "file not there": (("genes[file=nowhere.txt]",), "the list of genes nowhere.txt cannot be read"),
    "logarithms twice": (("log2", "log2"), "log2 is for values in linear or counts, and these are log2 by then"),
    "counts after logarithms": (("log2", "cpm"), "cpm is for values in counts, and these are log2 by then"),
    "variance of counts": (("top-variance",), "top-variance is for values in log2 or vst, and these are counts by then"),
    "linear at the end": (("cpm",), "the values are linear at the end"),
    "nothing left": (("expressed[count=1e9]",), "leaves no genes: 0 of 12 genes kept: 1e+09 or more"),
    "nobody left": (("drop-small-classes[n=99]",), "leaves no samples: classes of fewer than 99 samples left out: a (10), b"),
    "a label nobody has": (("labels-map[file={map}]",), "names the label 'z', which no sample has; the labels are 'a', 'b'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_step_that_does_not_fit_is_one_clear_error(tmp_path: Path, case: str) -> None:
    steps, words = WRONG[case]
    (tmp_path / "map.csv").write_text("old,new\nz,y\n")
    with pytest.raises(DataError) as error:
        ready(tmp_path, *(step.format(map=tmp_path / "map.csv") for step in steps))
    assert words in str(error.value)


def test_normalised_values_are_no_counts_for_a_step_either(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"cpm: there are fractions, and counts are whole numbers\. Put --transform round"
    ):
        ready(tmp_path, "cpm", "log2", values=LINEAR)


def test_a_sample_without_reads_is_named(tmp_path: Path) -> None:
    values = COUNTS.copy()
    values[4] = 0
    with pytest.raises(DataError, match="1 samples have no reads at all"):
        ready(tmp_path, "cpm", "log2", values=values)


def test_raw_counts_are_imported_with_a_word_on_distances(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ready(tmp_path)
    assert "raw counts are kept. Distances, MMD and most attacks are then about the few genes" in caplog.text
    caplog.clear()
    ready(tmp_path, "cpm", "log2")
    assert "raw counts" not in caplog.text


def test_the_command_shows_what_it_took_and_did_and_so_does_show(tmp_path: Path) -> None:
    files(tmp_path, kinds=["", *KINDS[1:]])
    (tmp_path / "map.csv").write_text("old,new\na,control\n")
    words = "data import mine --counts x.tsv --labels y.csv --units counts --labels-map map.csv --transform drop-unlabelled --transform expressed --transform cpm --transform log2"  # fmt: skip
    done = command(tmp_path, *words.split())
    assert done.returncode == 0, done.stderr
    lines = [
        "mine: 19 samples x 12 genes, 2 classes, imported into",
        "  format     TSV, CSV or parquet, genes or samples in rows; also of Xena and featureCounts (table)",
        "  read       20 samples x 12 genes",
        "  units      counts, as you say",
        "  label      column 'type': b 10, control 9",
        "  donors     one per sample",
        "  step       labels-map[file=map.csv]: a is control",
        "  step       drop-unlabelled: 1 samples without a label left out",
        "  step       log2: log2(x + 1)",
        "  outside    every privacy claim: genes chosen by expression in everybody",
    ]
    for shown in (done.stdout, command(tmp_path, "data", "show", "mine").stdout):
        assert [line for line in lines[1:] if line not in shown] == []
    assert lines[0] in done.stdout
    listed = " ".join(command(tmp_path, "data", "list").stdout.split())
    assert "mine, labels-map[file=map.csv], drop-unlabelled" in listed


def test_the_help_and_the_page_name_every_step(tmp_path: Path) -> None:
    told = command(tmp_path, "data", "import", "--help").stdout
    page = (Path(__file__).parents[2] / "docs/data.md").read_text()
    assert [name for name in STEPS if name not in told.replace("labels-map FILE", "labels-map")] == []
    assert [name for name in STEPS if f"`{name}" not in page] == []


# -- steps that are fitted in each fold -------------------------------------------------------------------------------


def _negative_binomial(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    means = np.exp(rng.uniform(3, 9, 40))
    return rng.negative_binomial(4, 4 / (4 + rng.uniform(0.5, 2, (20, 1)) * means)) + 1  # (samples, genes)


MANY_GENES = [f"G{i}" for i in range(40)]


def folded(folder: Path, values: Any, **more: Any) -> Dataset:
    paths = files(folder, values, MANY_GENES)
    return import_dataset("x", *paths, units="counts", per_fold=["vst-fitted"], force=True, **more)


def test_what_is_fitted_in_a_fold_knows_nobody_who_is_held_out(tmp_path: Path) -> None:
    values = _negative_binomial(1)
    dataset = folded(tmp_path, values)
    split = make_splits(dataset.cohort, seed=42)[0]
    held = [SAMPLES.index(name) for name in split.holdout.samples]
    other = values.copy()
    other[held] = _negative_binomial(2)[held] * 7
    changed = folded(tmp_path, other)
    one, two = (split_in_fold(d, make_splits(d.cohort, seed=42)[0]) for d in (dataset, changed))
    assert one.train.digest == two.train.digest
    assert one.holdout.digest != two.holdout.digest
    whole = [ready(tmp_path, "vst-fitted", values=v, genes=MANY_GENES) for v in (values, other)]  # on everybody
    rows = [SAMPLES.index(name) for name in split.train.samples]
    assert not np.array_equal(whole[0].X[rows], whole[1].X[rows])


def test_held_out_and_reference_people_get_what_was_fitted_on_the_training_people(tmp_path: Path) -> None:
    values = _negative_binomial(1)
    frame = pd.DataFrame(_negative_binomial(3).T, index=pd.Index(MANY_GENES, name="gene"))
    frame.set_axis([f"R{i}" for i in range(20)], axis=1).to_csv(tmp_path / "r.tsv", sep="\t")
    dataset = folded(tmp_path, values, reference=tmp_path / "r.tsv")
    split = make_splits(dataset.cohort, seed=42, reference=dataset.reference)[1]
    found = split_in_fold(dataset, split)
    train = split.train.X.astype(float)
    centre = np.log(train).mean(axis=0)
    q = train / np.exp(np.median(np.log(train) - centre, axis=1, keepdims=True))
    mean, variance = q.mean(axis=0), q.var(axis=0, ddof=1)
    alpha = np.clip((variance - mean) / mean**2, 1e-8, 10)
    w = 1 / (alpha + 0.01)
    a0, a1 = np.linalg.lstsq(np.column_stack([w, w / mean]), alpha * w, rcond=None)[0]
    a1 = max(a1, 0)
    for before, after in (
        (split.train, found.train),
        (split.holdout, found.holdout),
        (split.reference, found.reference),
    ):
        assert before is not None
        assert after is not None
        X = before.X.astype(float)
        s = X / np.exp(np.median(np.log(X) - centre, axis=1, keepdims=True))
        expected = np.log2((1 + a1 + 2 * a0 * s + 2 * np.sqrt(a0 * s * (1 + a1 + a0 * s))) / (4 * a0))
        np.testing.assert_allclose(after.X, expected, rtol=1e-5)
        assert (after.units, after.samples) == ("vst", before.samples)


def test_a_run_works_with_the_values_of_each_fold_and_every_claim_lists_the_step(tmp_path: Path) -> None:
    files(tmp_path, _negative_binomial(1), MANY_GENES)
    (tmp_path / "home").mkdir()
    done = command(
        tmp_path,
        *[
            "data",
            "import",
            "x",
            "--counts",
            "x.tsv",
            "--labels",
            "y.csv",
            "--units",
            "counts",
            "--per-fold",
            "vst-fitted",
        ],
    )
    assert done.returncode == 0, done.stderr
    assert "per fold   vst-fitted, fitted on the training people alone" in done.stdout
    assert "raw counts" not in done.stderr
    words = "run --dataset x --generators copy_train,private_pgm --metrics mmd --attacks mc --folds 1,2 --threads 1 --jobs 1 --out out"  # fmt: skip
    done = command(tmp_path, *words.split(), "--timeout", "100")
    assert done.returncode == 0, done.stdout
    rows, about = read_rows(tmp_path / "out/rows/x.csv")
    assert (about["data"]["units"], about["data"]["per_fold"]) == ("vst", ["vst-fitted"])
    claims = rows[(rows["generator"] == "private_pgm") & (rows["measure"] == "epsilon")]
    step = "VST: size factors and trend of dispersion, fitted on the training people of each fold"
    assert claims["outside"].str.contains(step, regex=False).all()
    store, dataset = Store(tmp_path / "out/store"), load_dataset("x")
    splits = {split.fold: split_in_fold(dataset, split) for split in make_splits(dataset.cohort, seed=42)}
    copies = rows[(rows["generator"] == "copy_train") & (rows["measure"] == "n_synthetic")]
    for fold, key in zip(copies["fold"], copies["key"], strict=True):
        release = store.read_sample(key)
        assert release is not None
        assert {row.tobytes() for row in release.X} == {row.tobytes() for row in plain_release(splits[fold].train, like=splits[fold].train).records.X}  # fmt: skip
    page = (tmp_path / "out/leaderboard/x.md").read_text()
    assert "vst; vst-fitted fitted in each fold on its training people alone" in page
    done = command(tmp_path, *["score", "--dataset", "x", "--synthetic", "x.tsv", "--folds", "1"])
    assert done.returncode == 2
    assert "the values of 'x' are not the same in all folds, because vst-fitted is fitted in each" in done.stderr


def test_only_steps_that_keep_people_and_genes_are_taken_per_fold(tmp_path: Path) -> None:
    paths = files(tmp_path)
    for step, words in {
        "top-variance[n=3]": "a step per fold changes values, and keeps people, labels and genes",
        "cpm": "the values are linear at the end",
        "nonsense": "is no step",
    }.items():
        with pytest.raises(DataError, match=words):
            import_dataset("x", *paths, units="counts", per_fold=[step], force=True)


def test_other_steps_per_fold_are_other_data(tmp_path: Path) -> None:
    paths = files(tmp_path, _negative_binomial(1), MANY_GENES)
    found = {
        steps: import_dataset("x", *paths, units="counts", per_fold=steps, force=True).digest
        for steps in ((), ("vst",), ("vst-fitted",), ("cpm", "log2"))
    }
    assert len(set(found.values())) == 4
    assert load_dataset("x").digest == found["cpm", "log2"]
    assert load_dataset("x").outside == ()
