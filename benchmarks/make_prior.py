"""Makes the public prior of `dp_prior`: what profiles of other people teach about genes and their programmes.

    BENCH_DATA_HOME=... python benchmarks/make_prior.py [--out generators/public_prior.npz]

It reads 989 profiles of 14 tissues, none of them breast, from RNAseqDB: normal tissue of GTEx and TCGA and some
tumours, the landmark genes as log2(CPM + 1). Programmes are those within a tissue, status and source. A prior of
an imported cohort is made by `bench data prior make`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

import pandas as pd

import bench.datasets
from bench import Cohort
from bench.statistics.public_prior import PublicPrior

ABOUT = {
    "name": "rnaseqdb",
    "source": "RNAseqDB, doi:10.1038/sdata.2018.61, 989 profiles of 923 people, 14 tissues of GTEx and TCGA, no breast",
    "licence": "open-access data of GTEx and TCGA; RNAseqDB states no licence of its own",
}
_MADE = "benchmarks/make_prior.py: {n} programmes of the variation within tissue, status, source; 8 bits"


def tissues(home: Path, only: list[str] | None = None) -> tuple[Cohort, list[str]]:
    """Return the tissue profiles, labelled by tissue, status and source, by Ensembl identifiers; and their symbols."""
    X, about = pd.read_parquet(home / "rnaseqdb_log2cpm_lm.parquet"), pd.read_csv(home / "rnaseqdb_labels.csv")
    about = about.set_index("sample").loc[X.index]
    if only is not None:
        chosen = about["tissue"].isin(only)
        X, about = X[chosen], about[chosen]
    landmarks = pd.read_csv(Path(bench.datasets.__file__).parent / "landmark_genes.tsv", sep="\t")
    ensembl = dict(zip(landmarks["symbol"], landmarks["ensembl"], strict=True))
    y = (about["tissue"] + " " + about["status"] + " " + about["source"]).to_numpy(dtype=str)
    genes = tuple(ensembl.get(symbol, symbol) for symbol in X.columns)
    donors = about["donor"].to_numpy(dtype=str)
    cohort = Cohort(X=X.to_numpy(), y=y, genes=genes, samples=tuple(X.index), units="log2", donors=donors)
    return cohort, list(X.columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("generators/public_prior.npz"))
    parser.add_argument("--programmes", type=int, default=100)
    given = parser.parse_args()
    cohort, symbols = tissues(Path(os.environ["BENCH_DATA_HOME"]))
    prior = PublicPrior.of(cohort, given.programmes, ABOUT | {"made": _MADE.format(n=given.programmes)}, symbols)
    prior.write(given.out)
    held = 100 * prior.strengths.sum() / len(prior.genes)
    print(f"{given.out}: {len(cohort)} profiles, {len(prior.genes)} genes, programmes hold {held:.0f} %")
    print(f"{given.out.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(given.out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
