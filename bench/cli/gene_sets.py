"""`bench data gene-sets`: where the small file of gene sets lies that comes with the package."""

from __future__ import annotations

from pathlib import Path

import click

import bench.datasets

GENE_SETS = Path(bench.datasets.__file__).parent / "gene_sets.gmt"


@click.command("gene-sets")
def gene_sets() -> None:
    """Print the path of a small file of gene sets (GMT), for a first look at the metric `pathways`.

    \b
    bench run --dataset brca --metrics "all,pathways[gmt=$(bench data gene-sets)]"

    Seventeen sets among the L1000 landmark genes, by symbol and by Ensembl identifier: sixteen families that the
    approved symbols tell (HGNC, CC0) and the PAM50 genes (doi:10.1200/JCO.2008.18.1370). They are no substitute for a
    curated collection.
    """  # noqa: D301 - the escape tells click to leave this line as it is
    click.echo(str(GENE_SETS))
