"""`bench data`: list, show, import, fetch and verify datasets, export their folds, and find the shipped gene sets."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, get_args

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

import bench.datasets
from bench.core.cohort import Cohort
from bench.core.errors import DataError
from bench.core.records import Units
from bench.datasets import Dataset, dataset_names, load_dataset, where_is
from bench.datasets.catalogue import CATALOGUE, DOI
from bench.datasets.home import data_home, read_manifest

console = Console()
GENE_SETS = Path(bench.datasets.__file__).parent / "gene_sets.gmt"
_LEFT = {"title_justify": "left", "title_style": "bold", "box": None, "pad_edge": False}
_STATES = {
    "imported": "imported",
    "files": "challenge files",
    "installed": "installed package",
    "plugin": "plugin file",
    "simulated": "simulated stand-in",
    "absent": "not here",
}


@click.group()
def data_group() -> None:
    """List, show, import, fetch and verify datasets.

    Datasets lie in the folder $BENCH_DATA_HOME (default: ~/.local/share/omics-bench). The challenge's own files are
    read from there as they are; anything else is imported once and then has a name.
    """


# -- list and show -----------------------------------------------------------------------------------------------------


@data_group.command("list")
def list_datasets() -> None:
    """Show every dataset, whether the real one is here and how large it is."""
    table = Table(title=f"datasets in {data_home()}", **_left())
    for head in ("name", "data", "samples x genes", "classes", "what it is"):
        table.add_column(head, overflow="fold")
    for name in dataset_names():
        table.add_row(name, *_summary(name))
    console.print(table)


def _left() -> dict[str, Any]:
    return dict(_LEFT)


def _summary(name: str) -> tuple[str, str, str, str]:
    state = where_is(name)
    title = CATALOGUE[name].title if name in CATALOGUE else ""
    try:
        if state == "imported":
            manifest = read_manifest(data_home(), name)
            shape, n_classes, title = (manifest.n_samples, manifest.n_genes), len(manifest.classes), manifest.title
        elif state in ("files", "installed", "plugin"):
            dataset = load_dataset(name)
            shape, n_classes, title = dataset.cohort.X.shape, len(dataset.cohort.classes), dataset.title
        else:
            shape, n_classes = CATALOGUE[name].shape, CATALOGUE[name].n_classes
    except DataError as error:
        return "damaged", "", "", str(error)
    return _STATES[state], f"{shape[0]} x {shape[1]}", str(n_classes), title


@data_group.command("show")
@click.argument("name")
def show_dataset(name: str) -> None:
    """Show one dataset: samples per class, genes, units, digest and where it came from."""
    dataset = load_dataset(name)
    for line in _facts(dataset):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(_class_table(dataset))


def _facts(dataset: Dataset) -> list[str]:
    cohort, reference = dataset.cohort, dataset.reference
    donors = "one per sample" if cohort.donors is None else f"{len(np.unique(cohort.donors))}"
    return [
        f"{dataset.label_name}: {dataset.title}",
        f"  source     {dataset.source}",
        f"  samples    {len(cohort)}, donors: {donors}",
        f"  genes      {cohort.n_genes} ({', '.join(cohort.genes[:4])} ...), units {cohort.units}",
        f"  reference  {'none' if reference is None else f'{len(reference)} samples that are in no training set'}",
        f"  digest     {dataset.digest}",
        *(f"  outside    every privacy claim: {step}" for step in dataset.outside),
    ]


def _class_table(dataset: Dataset) -> Table:
    cohort = dataset.cohort
    obs = cohort.obs if isinstance(cohort, Cohort) else {}
    table = Table(**_left())
    for head in (dataset.label, *obs):
        table.add_column(head)
    table.add_column("samples", justify="right")
    columns = [cohort.y, *obs.values()]
    kinds, counts = np.unique(np.array(columns).T, axis=0, return_counts=True)
    for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
        table.add_row(*kind, str(count))
    return table


# -- import, fetch and verify ------------------------------------------------------------------------------------------


@data_group.command("import")
@click.argument("name")
@click.option(
    "--counts", required=True, type=click.Path(path_type=Path), help="The matrix: .tsv, .csv, .parquet, .h5ad."
)
@click.option(
    "--labels", type=click.Path(path_type=Path), help="One row per sample; not needed if --counts has labels."
)
@click.option("--reference", type=click.Path(path_type=Path), help="Matrix of people who are in no training set.")
@click.option("--label-column", help="Column with the class labels.")
@click.option("--sample-column", help="Column of --labels with the sample names.  [default: samplesID, else the first]")
@click.option(
    "--donors",
    help="Column with the donor of each sample; auto: from TCGA barcodes.  [default: donor, patient or individual]",
)
@click.option("--leave-out", multiple=True, help="Leave out this gene or column of --counts; may be repeated.")
@click.option("--keep-non-genes", is_flag=True, help="Keep summary rows of aligners and columns that describe genes.")
@click.option("--keep", multiple=True, help="Keep this column as a further label (tissue always is); may be repeated.")
@click.option("--samples-in", type=click.Choice(["rows", "columns"]), help="Where the samples are in --counts.")
@click.option("--units", type=click.Choice(get_args(Units)), help="What the numbers are.")
@click.option("--ignore-extra-labels", is_flag=True, help="Leave out labels of samples that are not in --counts.")
@click.option("--title", default="", help="One line for tables.")
@click.option("--outside", multiple=True, help="A step fitted on people of every fold, such as a VST; may be repeated.")
@click.option("--force", is_flag=True, help="Replace a dataset of this name.")
def import_files(
    name: str,
    counts: Path,
    labels: Path | None,
    reference: Path | None,
    label_column: str | None,
    sample_column: str | None,
    donors: str | None,
    leave_out: tuple[str, ...],
    keep_non_genes: bool,
    keep: tuple[str, ...],
    samples_in: Literal["rows", "columns"] | None,
    units: Units | None,
    ignore_extra_labels: bool,
    title: str,
    outside: tuple[str, ...],
    force: bool,
) -> None:
    """Import a cohort under a NAME of your choice, after every check; orders of samples and genes are kept.

    \b
    bench data import brca --counts TCGA-BRCA_..._lmgenes.tsv --labels TCGA-BRCA_..._subtypes.csv
    bench data import mine --counts expression.parquet --labels people.csv --label-column disease --units log2
    bench data import cells --counts cells.h5ad --label-column cell_type --donors individual --units counts
    """  # noqa: D301 - click reads the backspace
    from bench.datasets.importing import import_dataset
    from bench.datasets.matrices import Layout

    layout = Layout(
        label_columns=(label_column,) if label_column else (),
        sample_column=sample_column,
        samples_in=samples_in,
        donor_column=donors,
        obs_columns=keep,
        ignore_extra_labels=ignore_extra_labels,
        leave_out=leave_out,
        keep_non_genes=keep_non_genes,
    )
    _say_imported(
        import_dataset(
            name, counts, labels, reference=reference, units=units, layout=layout, title=title, outside=outside,
            force=force,
        )
    )  # fmt: skip


def _say_imported(dataset: Dataset) -> None:
    cohort = dataset.cohort
    people = len(cohort) if cohort.donors is None else len(np.unique(cohort.donors))
    samples = f"{len(cohort)} samples" + (f" of {people} donors" if people < len(cohort) else "")
    console.print(
        f"{dataset.name}: {samples} x {cohort.n_genes} genes, {len(cohort.classes)} classes, imported into "
        f"{data_home() / dataset.name}. Next: bench run --dataset {dataset.name}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip


@data_group.command("fetch")
@click.argument("name")
@click.option("--file", "wanted", multiple=True, help="Take this file of the record; may be repeated.")
@click.option("--label-column", help="Column with the class labels.")
@click.option("--ignore-extra-labels", is_flag=True, help="Leave out labels of samples that are not in the matrix.")
@click.option("--force", is_flag=True, help="Replace a dataset of this name.")
def fetch(name: str, wanted: tuple[str, ...], label_column: str | None, ignore_extra_labels: bool, force: bool) -> None:
    """Download a challenge cohort (brca, combined) from its open-access record and import it.

    A download that broke off is continued. Every file is checked against the record's checksum. Use of the data follows
    the NIH/GDC data access policy: no attempt to re-identify donors.
    """
    from bench.datasets.fetching import fetch_dataset
    from bench.datasets.matrices import Layout

    layout = Layout(label_columns=(label_column,) if label_column else (), ignore_extra_labels=ignore_extra_labels)
    console.print(f"Fetching {name} from the record with DOI {DOI}", highlight=False)
    with ExitStack() as stack:
        bar = stack.enter_context(_Bar())
        dataset = fetch_dataset(name, wanted=wanted, layout=layout, report=bar.report, force=force)
    _say_imported(dataset)


class _Bar(Progress):
    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        super().__init__(*columns, console=console, disable=not console.is_terminal)
        self._bars: dict[str, TaskID] = {}

    def report(self, name: str, done: int, total: int) -> None:
        if name not in self._bars:
            self._bars[name] = self.add_task(name, total=total)
        self.update(self._bars[name], completed=done)


@data_group.command("splits")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--seed", default=42, show_default=True, help="Names the folds.")
def export_splits(name: str, path: Path, seed: int) -> None:
    """Write the folds of a dataset into the challenge's *_splits.yaml; `bench run --splits` reads one."""
    from bench.datasets.folds import make_splits, write_splits

    write_splits(path, make_splits(load_dataset(name).cohort, seed=seed))


@data_group.command("verify")
@click.argument("names", nargs=-1)
def verify_datasets(names: tuple[str, ...]) -> None:
    """Check datasets against their digests: the named ones, or all that are here. Exit status 1 on a difference."""
    from bench.datasets.importing import verify_dataset

    here = [name for name in dataset_names() if where_is(name) not in ("absent", "simulated")]
    failed = False
    for name in names or here:
        for part in verify_dataset(name):
            failed |= not part.ok
            verdict = "ok" if part.ok else "FAILED"
            console.print(
                f"{name}: {part.what}: {verdict}, {part.detail}", highlight=False, markup=False, soft_wrap=True
            )
    if not (names or here):
        console.print(f"there is no dataset in {data_home()} to verify", highlight=False)
    sys.exit(1 if failed else 0)


@data_group.command("gene-sets")
def gene_sets() -> None:
    """Print the path of a small file of gene sets (GMT), for a first look at the metric `pathways`.

    \b
    bench run --dataset brca --metrics "all,pathways[gmt=$(bench data gene-sets)]"

    Seventeen sets among the L1000 landmark genes, by symbol and by Ensembl identifier: sixteen families that the
    approved symbols tell (HGNC, CC0) and the PAM50 genes (doi:10.1200/JCO.2008.18.1370). They are no substitute for a
    curated collection.
    """  # noqa: D301 - the escape tells click to leave this line as it is
    click.echo(str(GENE_SETS))
