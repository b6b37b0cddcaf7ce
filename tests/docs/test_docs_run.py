"""Every command in the documents is run, page by page and in order, on cohorts so small that it takes seconds.

What makes a command cheaper here, and which commands cannot run here and where they are tested instead, is listed below.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bench.cli
from bench import Cohort
from bench.datasets import home
from bench.datasets.folds import make_splits, write_splits
from bench.datasets.known.providers import declares_dataset
from bench.registry.finding import add_plugin_file, find
from bench.registry.selection import choose

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {
    "bench data fetch": "needs the network; test_fetch.py runs it against a server of its own",
    'bench run --dataset brca --metrics "all,pathways': "needs genes with names; test_metrics_pathways.py has some",
    'bench run --dataset brca --folds 1 --generators "sdv': "needs SDV; test_adapters.py has a stand-in",
    "bench run --plugin synthcity_ctgan.toml": "needs an environment with synthcity; test_commands.py has a method of its own",
    "bench data import brca": "checks for the published files; test_datasets_import.py has such files",
    "bench data import metabric": "needs the study folder; test_metabric.py has small ones",
    "bench data import scans --images": "needs files of images; test_image_files.py has some",
    "bench data import mine --images": "likewise",
    "bench data import letters --images": "likewise",
    "bench data import mnist_public --images": "likewise",
    "bench run --modality images --dataset pneumoniamnist14": "needs a file of MedMNIST; test_images.py starts on public images",
    "bench run --modality images --dataset mnist": "needs MNIST, and years without an accelerator",
    "bench audit dpgen": "ends with 3, as it must; test_counting.py counts fewer draws",
    "bench run --dataset g1k_chr1 --reference-one-in 5 --generators markov": "trains shadows for minutes; test_variants_attacks.py has small ones",
    'bench run --dataset mine --metrics "all,survival': "needs times, events and a gene-set file; test_metrics_survival.py has them",
    "bench run --plugin my_method.py --generators my_method --dataset brca --out rerun": "a stranger's method; test_repeating.py has one",
    "bench study donors": "needs several samples of a donor; test_donors.py has some",
    "bench rerun": "repeats the command line of this process; test_repeating.py repeats a run",
    "bench verify": "compares with such a repetition; test_repeating.py does",
    "bench run --executor dask": "needs a cluster; test_dask.py starts one",
    "bench run --executor slurm": "needs Slurm; test_slurm.py lets submitit start the jobs here",
    "bench choose": "ends with 1 where nothing meets the limits; test_choice.py asks for some",
    'bench audit "cheat': "ends with 3, as it must for a cheat; test_zoo.py audits all of them",
    "bench audit --executor slurm": "likewise; test_command_executors.py lets submitit start the jobs here",
}
_FEW = ["--metrics", "mmd", "--attacks", "gan_leaks", "--jobs", "2", "--threads", "1"]
CHEAP_OPTIONS = {
    "audit": ["--attacks", "gan_leaks"],
    "run": [*_FEW, "--folds", "1"],
    "score": _FEW,
    "release --dataset": ["--least", "10", "--threads", "1"],
    "submit score": _FEW,
    "study cohort-size": ["--attacks", "gan_leaks", *_FEW[4:]],
    "study reconstruction": ["--trials", "4", "--steps", "2"],
    "study epsilon": ["--attacks", "gan_leaks", "--folds", "1", "--epsilons", "1,10", *_FEW[4:]],
}
CHEAPER = {"--runs": "20", "--sizes": "20,40", "--genes": "8"}


def commands_of(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|\|(?!\|)|>", line.split(" #")[0])]
    return [part for part in parts if part.startswith("bench ")]


def cheap_generators(text: str) -> str:
    """Return a list of generators with the hyper-parameters that they declare as quick; `all` is two of them."""
    found = []
    for choice in choose("generator", "multivariate,copy_train" if text == "all" else text):
        quick = {**(find("generator", choice.info.name).option("quick") or {}), **choice.overrides}
        quoted = {name: repr(value) if re.search(r"[,\[]", str(value)) else value for name, value in quick.items()}
        inside = ",".join(f"{name}={value}" for name, value in quoted.items())
        found.append(f"{choice.info.name}[{inside}]" if inside else choice.info.name)
    return ",".join(found)


def cheaper(line: str) -> list[str]:
    words = shlex.split(os.path.expandvars(line))[1:]
    extra = CHEAP_OPTIONS.get(words[0], CHEAP_OPTIONS.get(" ".join(words[:2]), []))
    words += [w for i in range(0, len(extra), 2) if extra[i] not in words for w in extra[i : i + 2]]
    if words[0] == "run" and "--generators" not in words:
        words += ["--generators", "all"]
    for i, word in enumerate(words[:-1]):
        if word == "--plugin" and not declares_dataset(Path(words[i + 1])):
            add_plugin_file(Path(words[i + 1]))
        if word in ("--generators", "--generator"):
            words[i + 1] = cheap_generators(words[i + 1])
        if word in CHEAPER and words[i + 1].replace(",", "").isdecimal():
            words[i + 1] = CHEAPER[word]
    if words[0] == "audit":
        words[1] = cheap_generators(words[1])
    return words


# -- what the pages take for granted -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data_home(toy_cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home where every cohort that the documents name is the toy cohort."""
    place = tmp_path_factory.mktemp("home")
    for name in ("brca", "combined", "mirna12"):
        manifest = home.describe(name, toy_cohort, None, title="Toy", label="Subtype", source="made up", files=[])
        home.store(place, manifest, toy_cohort, None)
    return place


def release(folder: Path, cohort: Cohort) -> None:
    """Write five folds of synthetic tables, as a user would bring them."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split in make_splits(cohort, seed=42):
        X = split.train.X + rng.normal(0, 0.5, split.train.X.shape)
        pd.DataFrame(X, columns=list(cohort.genes)).to_csv(
            folder / f"synthetic_data_split_{split.fold}.csv", index=False
        )
        labels = pd.DataFrame({"Subtype": split.train.y})
        labels.to_csv(folder / f"synthetic_labels_split_{split.fold}.csv", index=False)


def provide(folder: Path, page: Path, cohort: Cohort) -> None:
    """Write the files that a page names: tables of a user's own cohort, releases, and the plugins on the page."""
    X = pd.DataFrame(cohort.X.T, index=list(cohort.genes), columns=list(cohort.samples))
    y = pd.DataFrame({"samplesID": cohort.samples, "disease": cohort.y})
    X.to_csv(folder / "X.tsv", sep="\t", index_label="gene")
    X.to_csv(folder / "expression.csv", index_label="gene")
    X.T.to_csv(folder / "new_people.csv", index_label="sample")
    y.to_csv(folder / "y.csv", index=False)
    y.to_csv(folder / "people.csv", index=False)
    others = [f"other{sample}" for sample in cohort.samples]
    (X + 0.5).set_axis(others, axis=1).to_csv(folder / "other.tsv", sep="\t", index_label="gene")
    pd.DataFrame({"samplesID": others, "Subtype": cohort.y}).to_csv(folder / "others.csv", index=False)
    X.T.assign(disease=cohort.y).to_parquet(folder / "table.parquet")
    for name in ("folder", "release", "my_release"):
        release(folder / name, cohort)
    (folder / "star").mkdir()
    for sample, values in zip(cohort.samples, cohort.X, strict=True):
        rows = [
            f"{gene}\t{2**x:.0f}\t{2**x / 2:.0f}\t{2**x / 2:.0f}\n"
            for gene, x in zip(cohort.genes, values, strict=True)
        ]
        (folder / "star" / f"{sample}ReadsPerGene.out.tab").write_text("N_unmapped\t9\t9\t9\n" + "".join(rows))
    train = make_splits(cohort, seed=42)[0].train
    table = pd.DataFrame(train.X + 0.25, columns=list(cohort.genes))
    table.assign(Subtype=train.y).to_parquet(folder / "fold_3.parquet")
    folds = [table.assign(Subtype=train.y, fold=number) for number in range(1, 6)]
    pd.concat(folds).to_csv(folder / "release.csv", index=False)
    h5ad_file(folder / "release.h5ad", table, {"subtype": train.y})
    names = pd.DataFrame({"ensembl": cohort.genes, "symbol": [f"S{i}" for i in range(cohort.n_genes)]})
    names.to_csv(folder / "names.tsv", sep="\t", index=False)
    write_splits(folder / "mine_splits.yaml", make_splits(cohort, seed=42))
    if not any(line.startswith("bench new") for line in commands_of(page)):
        write_plugins(folder, page)


def write_plugins(folder: Path, page: Path) -> None:
    """Write the plugins on a page into files, as its reader does; over those that `bench new` wrote, if it did."""
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        if name := re.search(r'^@(?:generator|attack|metric)\(\s*"(\w+)"', block, flags=re.MULTILINE):
            (folder / f"{name[1]}.py").write_text(block, encoding="utf-8")


def collect(prefix: str) -> Callable[[Path], None]:
    """Return a step that puts the zip files of a prefix into ``entries/``, as an organiser has them."""

    def step(folder: Path) -> None:
        shutil.rmtree(folder / "entries", ignore_errors=True)
        (folder / "entries").mkdir()
        for path in folder.glob(f"{prefix}*.zip"):
            shutil.copy(path, folder / "entries")

    return step


def first_run(folder: Path) -> None:
    """Run something, as the reader of the page has done before."""
    if not (folder / "results/rows").exists():
        assert run("bench run --dataset brca --generators multivariate --folds 1", folder).exit_code == 0


def own_cohort(folder: Path) -> None:
    """Import a cohort of one's own, as the reader has done."""
    if not (folder / "home/mine").exists():
        line = "bench data import mine --counts X.tsv --labels y.csv --label-column disease --units log2"
        assert run(line, folder).exit_code == 0


def attacked(generator: str, by: str = "") -> Callable[[Path], None]:
    """Return a step that runs the benchmark on what is to be released."""

    def step(folder: Path) -> None:
        own_cohort(folder)
        assert run(f'bench run --dataset mine --generators "{generator}" --out results {by}', folder).exit_code == 0

    return step


def h5ad(folder: Path) -> None:
    X = pd.read_parquet(folder / "table.parquet")
    labels = X.pop("disease").astype(str)
    h5ad_file(folder / "cells.h5ad", (X * 10).round(), {"cell_type": labels, "individual": X.index})


def h5ad_file(path: Path, X: pd.DataFrame, obs: dict[str, object]) -> None:
    import anndata

    X = X.set_axis(X.index.astype(str)).astype(np.float32)
    columns = pd.DataFrame({name: np.asarray(values, dtype=object) for name, values in obs.items()}, index=X.index)
    anndata.AnnData(X, obs=columns).write_h5ad(path)


def genomes(folder: Path) -> None:
    """Write a compressed VCF of invented people and a table of their populations."""
    from bench.conformance import haplotypes
    from bench.datasets.readers.variant_export import write_vcf

    people = haplotypes(60)
    write_vcf(folder / "people.vcf.gz", people, source="invented people")
    table = pd.DataFrame({"sample": people.samples, "population": people.y})
    table.to_csv(folder / "populations.csv", index=False)


BEFORE: dict[str, Callable[[Path], None]] = {
    "bench submit score": collect("blueteam"),
    "bench submit tournament": collect("redteam"),
    "bench data import cells": h5ad,
    "bench data import genomes": genomes,
    "bench run --dataset mine": own_cohort,
    "bench release --dataset": attacked("private_pgm[epsilon=4]"),
    'bench release --dataset mine --generator "dp_logistic': attacked(
        "dp_logistic[epsilon=4]", "--metrics model_utility --attacks model_gap"
    ),
    "bench report": first_run,
    "bench results": first_run,
}


def run(line: str, folder: Path) -> Result:
    for start, step in BEFORE.items():
        if line.startswith(start):
            step(folder)
    return CliRunner().invoke(bench.cli._bench, cheaper(line))


@pytest.mark.full
@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)], ids=lambda page: page.stem)
def test_every_command_of_a_page_works(
    page: Path, tmp_path: Path, toy_cohort: Cohort, data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data_home, tmp_path / "home")
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    provide(tmp_path, page, toy_cohort)
    for line in commands_of(page):
        if any(line.startswith(start) for start in ELSEWHERE):
            continue
        done = run(line, tmp_path)
        if line.startswith("bench new"):
            write_plugins(tmp_path, page)
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception}"


def test_what_is_tested_elsewhere_is_still_in_the_documents() -> None:
    lines = [line for page in PAGES for line in commands_of(page)]
    assert [start for start in ELSEWHERE if not any(line.startswith(start) for line in lines)] == []
