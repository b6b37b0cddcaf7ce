"""`bench data`: list, show, import, fetch and verify datasets, export their folds, and find the shipped gene sets."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, get_args

import click
import numpy as np
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

import bench.datasets
from bench.cli import options
from bench.core.cohort import Cohort
from bench.core.errors import DataError
from bench.core.records import Records, Units
from bench.core.variants import Variants
from bench.datasets import Dataset, dataset_names, load_dataset, where_is
from bench.datasets.home import data_home, read_manifest
from bench.datasets.known.catalogue import CATALOGUE, DOI, Entry
from bench.datasets.known.genomes import GENOMES, Genome
from bench.datasets.known.image_sets import IMAGE_SETS, ImageSet
from bench.statistics.public_prior import PublicPrior
from bench.store.store import write_atomic

console = options.wide_console()
GENE_SETS = Path(bench.datasets.__file__).parent / "gene_sets.gmt"
_LEFT = {"title_justify": "left", "title_style": "bold", "box": None, "pad_edge": False}
_STATES = {
    "imported": "imported",
    "files": "files",
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
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_datasets(as_json: bool) -> None:
    """Show every dataset, whether the real one is here and how large it is."""
    if as_json:
        heads = ("name", "data", "size", "classes", "title")
        found = [dict(zip(heads, (name, *_summary(name)), strict=True)) for name in dataset_names()]
        click.echo(json.dumps(found, indent=1))
        return
    table = Table(title=f"datasets in {data_home()}", **_left())
    for head in ("name", "data", "samples x genes", "classes", "what it is"):
        table.add_column(head, overflow="fold")
    for name in dataset_names():
        table.add_row(name, *map(escape, _summary(name)))
    console.print(table)


def _left() -> dict[str, Any]:
    return dict(_LEFT)


def _summary(name: str) -> tuple[str, str, str, str]:
    state = where_is(name)
    known: dict[str, Entry | ImageSet | Genome] = {**CATALOGUE, **IMAGE_SETS, **GENOMES}
    title = known[name].title if name in known else ""
    try:
        if state == "imported":
            manifest = read_manifest(data_home(), name)
            shape, n_classes = (manifest.n_samples, manifest.n_genes), len(manifest.classes)
            title = ", ".join([manifest.title, *(done.step for done in manifest.steps)])
        elif state in ("files", "installed", "plugin") and name not in IMAGE_SETS:
            dataset = load_dataset(name)
            shape, n_classes, title = dataset.cohort.X.shape, len(dataset.cohort.classes), dataset.title
        else:
            shape, n_classes = known[name].shape, known[name].n_classes
    except DataError as error:
        return "damaged", "", "", str(error)
    return _STATES[state], f"{shape[0]} x {shape[1]}", str(n_classes), title


@data_group.command("show")
@click.argument("name")
def show_dataset(name: str) -> None:
    """Show one dataset: samples per class, genes, units, digest and where it came from."""
    dataset = load_dataset(name)
    taken = _taken(name) if where_is(name) == "imported" else _outside(dataset)
    for line in [*_facts(dataset), *taken]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(_class_table(dataset))


def _facts(dataset: Dataset) -> list[str]:
    cohort, reference = dataset.cohort, dataset.reference
    donors = "one per sample" if cohort.donors is None else f"{len(np.unique(cohort.donors))}"
    return [
        f"{dataset.label_name}: {dataset.title}",
        f"  source     {dataset.source}",
        f"  samples    {len(cohort)}, donors: {donors}",
        _features(cohort),
        f"  reference  {'none' if reference is None else f'{len(reference)} samples that are in no training set'}",
        f"  digest     {dataset.digest}",
    ]


def _features(cohort: Records) -> str:
    """Return the line about what was measured of each person."""
    if not isinstance(cohort, Variants):
        features = "genes" if cohort.modality == "expression" else "features"
        return f"  {features:10s} {cohort.n_genes} ({', '.join(cohort.genes[:4])} ...), units {cohort.units}"
    kind = "haplotypes" if cohort.phased else "genotypes without phase"
    missing = f"{cohort.n_missing} calls missing" if cohort.n_missing else "no call missing"
    build = cohort.build or "build unknown"
    return f"  sites      {cohort.n_sites} ({', '.join(cohort.sites[:3])} ...), {build}, {kind}, {missing}"


def _outside(dataset: Dataset) -> list[str]:
    return [f"  outside    every privacy claim: {step}" for step in dataset.outside]


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
    "--counts",
    type=click.Path(path_type=Path),
    help="The matrix, a file or folder (`bench data formats` lists what is read); or .vcf, .vcf.gz, .bcf, PLINK .bed.",
)
@click.option(
    "--images", type=click.Path(path_type=Path), help="Images: .npz (MedMNIST), idx, or a folder of PNG files."
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="One row per sample; not needed if --counts has labels. Of METABRIC: pam50_claudin, deeptype6.",
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
@click.option(
    "--units",
    type=click.Choice([*get_args(Units), "linear"]),
    help="What the numbers of --counts are; linear: CPM, TPM.",
)
@click.option("--format", "form", help="The format of --counts.  [default: recognised]")
@click.option("--layer", help="Which of several matrices: a layer of h5ad or loom, raw, a strand, a platform, TPM.")
@click.option("--transform", "steps", multiple=True, help="A step from raw to ready; may be repeated, in its order.")
@click.option(
    "--per-fold", multiple=True, help="A step that is fitted on the training people of each fold: vst-fitted."
)
@click.option("--labels-map", type=click.Path(path_type=Path), help="Table of old and new labels, to merge or drop.")
@click.option("--ignore-extra-labels", is_flag=True, help="Leave out labels of samples that are not in --counts.")
@click.option(
    "--build", default="", help="The reference genome of variants, if their file does not say: GRCh37, GRCh38."
)
@click.option("--title", default="", help="One line for tables.")
@click.option("--outside", multiple=True, help="A step fitted on people of every fold, such as a VST; may be repeated.")
@click.option("--force", is_flag=True, help="Replace a dataset of this name.")
def import_files(
    name: str,
    counts: Path | None,
    images: Path | None,
    labels: Path | None,
    reference: Path | None,
    label_column: str | None,
    sample_column: str | None,
    donors: str | None,
    leave_out: tuple[str, ...],
    keep_non_genes: bool,
    keep: tuple[str, ...],
    samples_in: Literal["rows", "columns"] | None,
    units: str | None,
    form: str | None,
    layer: str | None,
    steps: tuple[str, ...],
    per_fold: tuple[str, ...],
    labels_map: Path | None,
    ignore_extra_labels: bool,
    build: str,
    title: str,
    outside: tuple[str, ...],
    force: bool,
) -> None:
    """Import a cohort under a NAME of your choice, after every check; orders of samples and genes are kept.

    \b
    bench data import brca --counts TCGA-BRCA_..._lmgenes.tsv --labels TCGA-BRCA_..._subtypes.csv
    bench data import mine --counts expression.parquet --labels people.csv --label-column disease --units log2
    bench data import genomes --counts chr22.vcf.gz --labels panel.tsv --label-column super_pop --ignore-extra-labels
    bench data import cells --counts cells.h5ad --label-column cell_type --donors individual --units counts
    bench data import scans --images folder/ --labels scans.csv --label-column diagnosis --donors patient
    bench data import reads --counts star/ --labels people.csv --transform expressed --transform cpm --transform log2

    The steps of --transform are drop-unlabelled, drop-small-classes[n=5], complete-genes, sum-to-genes[map=FILE],
    round, expressed[count=10,share=0.2], cpm, log2[add=1], vst[dispersion=0.1,reads=1e7], vst-fitted, landmark,
    genes[file=FILE] and top-variance[n=1000]. Of these, round, cpm, log2, vst and vst-fitted may also be taken in each
    fold (--per-fold), so that nobody who is held out has a part in what a generator is trained on.
    """  # noqa: D301 - click reads the backspace
    from bench.datasets.importing import import_dataset, import_images
    from bench.datasets.readers.image_files import ImageLayout
    from bench.datasets.readers.matrices import Layout

    if images is not None and counts is None:
        columns = ImageLayout(label_column=label_column, name_column=sample_column, donor_column=donors)
        _say_imported(import_images(name, images, labels, layout=columns, title=title, force=force))
        return
    if counts is None or images is not None:
        raise click.UsageError("give --counts with a matrix, or --images with images, and not both.")
    layout = Layout(
        label_columns=(label_column,) if label_column else (),
        sample_column=sample_column,
        samples_in=samples_in,
        donor_column=donors,
        obs_columns=keep,
        ignore_extra_labels=ignore_extra_labels,
        leave_out=leave_out,
        keep_non_genes=keep_non_genes,
        format=form,
        layer=layer,
    )
    mapped = () if labels_map is None else (f"labels-map[file={labels_map}]",)
    _say_imported(
        import_dataset(
            name, counts, labels, reference=reference, units=units, layout=layout, transform=(*mapped, *steps),
            per_fold=per_fold, title=title, outside=outside, force=force, build=build,
        )
    )  # fmt: skip


def _say_imported(dataset: Dataset) -> None:
    cohort = dataset.cohort
    features = "genes" if dataset.modality == "expression" else "features"
    people = len(cohort) if cohort.donors is None else len(np.unique(cohort.donors))
    samples = f"{len(cohort)} samples" + (f" of {people} donors" if people < len(cohort) else "")
    what = f"{cohort.n_sites} sites" if isinstance(cohort, Variants) else f"{cohort.n_genes} {features}"
    console.print(
        f"{dataset.name}: {samples} x {what}, {len(cohort.classes)} classes, imported into "
        f"{data_home() / dataset.name}. Next: bench run --quick --dataset {dataset.name}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    for line in _taken(dataset.name):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _taken(name: str) -> list[str]:
    """Return what was taken from the files of an imported dataset, what was done to it, and what no claim covers."""
    manifest = read_manifest(data_home(), name)
    return [
        *(f"  {what:<10} {told}" for what, told in manifest.taken.items()),
        *(f"  {'step':<10} {done.step}: {done.did}" for done in manifest.steps),
        *(f"  {'per fold':<10} {step}, fitted on the training people alone" for step in manifest.per_fold),
        *(f"  {'outside':<10} every privacy claim: {step}" for step in manifest.outside),
    ]


@data_group.command("formats")
def list_formats() -> None:
    """List the formats that `bench data import` reads, each with the name that --format takes."""
    from bench.datasets.formats import FORMATS

    table = Table(**_left())
    table.add_column("format")
    table.add_column("what it is", overflow="fold")
    for one in FORMATS.values():
        table.add_row(one.name, one.what)
    console.print(table)


@data_group.command("fetch")
@click.argument("name")
@click.option("--file", "wanted", multiple=True, help="Take this file of the record; may be repeated.")
@click.option("--label-column", help="Column with the class labels.")
@click.option("--ignore-extra-labels", is_flag=True, help="Leave out labels of samples that are not in the matrix.")
@click.option("--force", is_flag=True, help="Replace a dataset of this name.")
def fetch(name: str, wanted: tuple[str, ...], label_column: str | None, ignore_extra_labels: bool, force: bool) -> None:
    """Download a challenge cohort (brca, combined) from its open-access record, or metabric from cBioPortal's datahub.

    The cohort is then imported. A download that broke off is continued. Every file is checked against the checksum of
    the record or the datahub. Use of the data follows the NIH/GDC data access policy: no attempt to re-identify donors.
    """
    from bench.datasets.known.fetching import fetch_dataset
    from bench.datasets.readers.matrices import Layout

    layout = Layout(label_columns=(label_column,) if label_column else (), ignore_extra_labels=ignore_extra_labels)
    where = "cBioPortal's datahub" if name == "metabric" else f"the record with DOI {DOI}"
    console.print(f"Fetching {name} from {where}", highlight=False)
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
    from bench.datasets.folds import folds_that_fit, write_splits

    write_splits(path, folds_that_fit(load_dataset(name).cohort, seed=seed))


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


@data_group.group("prior")
def prior_group() -> None:
    """Make what a private generator may know from other people's public profiles."""


@prior_group.command("make")
@click.argument("dataset")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write (.npz).")
@click.option("--licence", required=True, help="Under which the profiles are public; claims print it.")
@click.option("--source", help="Where the profiles are from; claims print it [default: what the import recorded].")
@click.option("--programmes", type=click.IntRange(1), default=100, show_default=True, help="How many gene programmes.")
@options.plugin
def make_prior(dataset: str, out: Path, licence: str, source: str | None, programmes: int) -> None:
    """Make a public prior of an imported cohort, for `dp_prior[prior=FILE]`.

    \b
    bench data prior make tissues --licence CC-BY-4.0 --out tissues.npz
    bench run --dataset mine --generators "dp_prior[prior=tissues.npz]"

    The people of the prior must be others than those whom it is to protect: their names go into the file, and a cohort
    that shares a sample or a donor with it is refused. Programmes are those of the variation within a label.
    """  # noqa: D301 - the escape tells click to leave these lines as they are
    data = load_dataset(dataset).same_in_all_folds()
    if data.simulated:
        raise DataError(
            f"{data.name} is simulated here, and a claim would call its people public. Import real profiles."
        )
    made = f"bench data prior make: {programmes} programmes of the variation within {data.label}; 8 bits"
    about = {"name": data.name, "source": source or data.source, "licence": licence, "made": made}
    prior = PublicPrior.of(data.expression, programmes, about)
    out = out if out.suffix == ".npz" else out.with_name(f"{out.name}.npz")
    write_atomic(out, prior.write)
    held = prior.strengths.sum() / len(prior.genes)
    click.echo(
        f"{out}: {len(data.cohort)} profiles, {len(prior.genes)} genes; {programmes} programmes hold {held:.0%} of"
    )
    click.echo(f"the variation within {data.label}. Use it with dp_prior[prior={out}].")
