"""One small cohort in every format of the trade, as the tools themselves write it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

GENES = ["TP53", "BRCA1", "ESR1", "ERBB2", "MKI67", "GATA3", "FOXA1", "PGR", "EGFR", "MYC", "CCND1", "CDH1"]
ENSEMBL = [f"ENSG{i:011d}.1" for i in range(12)]
SAMPLES = [f"S{i:02d}" for i in range(20)]
KINDS = ["a", "b"] * 10
COUNTS = np.random.default_rng(7).negative_binomial(2, 0.01, (20, 12)) + 1  # (samples, genes)
LINEAR = np.round(COUNTS * 1e4 / COUNTS.sum(axis=1, keepdims=True), 3)
_SUMMARIES = ["N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous"]


def write(case: str, folder: Path) -> Path:
    """Write the cohort in a format, and return the path to give to ``--counts``."""
    place = folder / case.replace(",", "").replace(" ", "_")
    return FILES[case](place) if case in FILES else OTHERS[case](place)


def _lines(*rows: Any, sep: str = "\t") -> str:
    return "".join(sep.join(map(str, row)) + "\n" for row in rows)


def _table(values: Any = COUNTS, genes: Any = GENES, head: str = "gene", samples: Any = SAMPLES) -> list[list[Any]]:
    """Return rows of genes x samples."""
    return [[head, *samples], *([gene, *column] for gene, column in zip(genes, np.transpose(values), strict=True))]


def _into(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = text.encode(encoding)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


# -- folders of one file a sample --------------------------------------------------------------------------------------


def _star(place: Path, ending: str = "") -> Path:
    for sample, counts in zip(SAMPLES, COUNTS, strict=True):
        rows = [[name, 10**6, 10**6, 10**6] for name in _SUMMARIES]
        rows += [[gene, n, n // 2, n - n // 2] for gene, n in zip(ENSEMBL, counts, strict=True)]
        _into(place / f"{sample}ReadsPerGene.out.tab{ending}", _lines(*rows))
    return place


def _star_folders(place: Path) -> Path:
    for path in _star(place / "flat").iterdir():
        target = place / path.name.removesuffix("ReadsPerGene.out.tab") / "ReadsPerGene.out.tab"
        target.parent.mkdir()
        path.rename(target)
    (place / "flat").rmdir()
    return place


def _gdc(place: Path) -> Path:
    head = ["gene_id", "gene_name", "gene_type", "unstranded", "stranded_first", "stranded_second", "tpm_unstranded"]
    sheet = [["File ID", "File Name", "Data Type", "Project ID", "Case ID", "Sample ID", "Sample Type"]]
    for i, (sample, counts, tpm) in enumerate(zip(SAMPLES, COUNTS, LINEAR, strict=True)):
        name = f"{19 - i:08x}-uuid.rna_seq.augmented_star_gene_counts.tsv"  # in another order than the samples
        rows = [[summary, "", "", 10**6, 10**6, 10**6, ""] for summary in _SUMMARIES]
        rows += [[*ids, "protein_coding", n, n // 2, n - n // 2, t] for *ids, n, t in zip(ENSEMBL, GENES, counts, tpm, strict=True)]  # fmt: skip
        _into(place / f"{i:08x}" / name, "# gene-model: GENCODE v36\n" + _lines(head, *rows))
        sheet.append([f"{i:08x}", name, "Gene Expression", KINDS[i], f"C{i:02d}", sample, "Primary Tumor"])
    _into(place / "gdc_sample_sheet.2026-11-29.tsv", _lines(*sheet))
    return place


def _htseq(place: Path) -> Path:
    for sample, counts in zip(SAMPLES, COUNTS, strict=True):
        rows = [*zip(GENES, counts, strict=True), ("__no_feature", 10**6), ("__alignment_not_unique", 5)]
        _into(place / f"{sample}.htseq.counts", _lines(*rows))
    return place


def _feature_counts(place: Path) -> Path:
    for sample, counts in zip(SAMPLES, COUNTS, strict=True):
        rows = [[gene, "chr1;chr1", "1;9", "5;12", "+;+", 9, n] for gene, n in zip(GENES, counts, strict=True)]
        head = ["Geneid", "Chr", "Start", "End", "Strand", "Length", f"/data/{sample}.bam"]
        text = '# Program:featureCounts v2.0.6; Command:"featureCounts" "-a" "g.gtf"\n' + _lines(head, *rows)
        _into(place / f"{sample}.counts.txt", text)
        _into(place / f"{sample}.counts.txt.summary", _lines(["Status", "x.bam"], ["Assigned", 9]))
    return place


def _salmon(place: Path) -> Path:
    for sample, counts, tpm in zip(SAMPLES, COUNTS, LINEAR, strict=True):
        rows = [[gene, 1000, 750.5, t, float(n)] for gene, n, t in zip(ENSEMBL, counts, tpm, strict=True)]
        _into(place / sample / "quant.sf", _lines(["Name", "Length", "EffectiveLength", "TPM", "NumReads"], *rows))
    return place


def _kallisto(place: Path) -> Path:
    for sample, counts, tpm in zip(SAMPLES, COUNTS, LINEAR, strict=True):
        rows = [[gene, 1000, 750.5, float(n), t] for gene, n, t in zip(ENSEMBL, counts, tpm, strict=True)]
        _into(
            place / sample / "abundance.tsv", _lines(["target_id", "length", "eff_length", "est_counts", "tpm"], *rows)
        )
    return place


# -- studies -----------------------------------------------------------------------------------------------------------


def _series(rows: list[list[Any]], samples: list[str], platform: str) -> str:
    def quoted(key: str, cells: Any) -> str:
        return "\t".join([key, *(f'"{cell}"' for cell in cells)]) + "\n"

    kinds = [KINDS[SAMPLES.index(sample)] for sample in samples]
    ages = [f"age: {40 + i}" if i % 3 else f"kind: {kind}" for i, kind in enumerate(kinds)]
    rest = [f"kind: {kind}" if i % 3 else "" for i, kind in enumerate(kinds)]  # what is left out moves the others up
    head = quoted("!Series_title", ["A study"]) + '!Series_summary\t"Line one\nsecond line"\n\n'
    head += quoted("!Sample_title", [f"tumour {s}" for s in samples]) + quoted("!Sample_geo_accession", samples)
    head += quoted("!Sample_characteristics_ch1", ages) + quoted("!Sample_characteristics_ch1", rest)
    head += quoted("!Sample_platform_id", [platform] * len(samples))
    table = "".join("\t".join([f'"{row[0]}"', *map(str, row[1:])]) + "\n" for row in rows[1:])
    return head + "!series_matrix_table_begin\n" + quoted('"ID_REF"', samples) + table + "!series_matrix_table_end\n"


def _geo(place: Path) -> Path:
    return _into(place / "GSE1_series_matrix.txt.gz", _series(_table(), SAMPLES, "GPL570"))


def _two_platforms(place: Path) -> Path:
    more = [["only_here", *range(10)]]
    for platform, these in {"GPL96": slice(0, 10), "GPL570": slice(10, 20)}.items():
        rows = _table(COUNTS[these], samples=SAMPLES[these]) + (more if platform == "GPL570" else [])
        _into(place / f"GSE1-{platform}_series_matrix.txt.gz", _series(rows, SAMPLES[these], platform))
    return place


def _study(place: Path, values: Any = COUNTS, name: str = "data_mrna_seq_counts.txt") -> Path:
    rows = [[row[0], 100 + i, *row[1:]] for i, row in enumerate(_table(values)[1:])]
    _into(place / name, _lines(["Hugo_Symbol", "Entrez_Gene_Id", *SAMPLES], *rows))
    notes = "#Patient Identifier\tSample Identifier\tSubtype\n#text\ttext\ttext\n#STRING\tSTRING\tSTRING\n#1\t1\t1\n"
    people = [[f"P{i:02d}", sample, kind] for i, (sample, kind) in enumerate(zip(SAMPLES, KINDS, strict=True))]
    _into(place / "data_clinical_sample.txt", notes + _lines(["PATIENT_ID", "SAMPLE_ID", "SUBTYPE"], *people[::-1]))
    _into(place / "data_clinical_patient.txt", _lines(["PATIENT_ID", "SEX"], *([f"P{i:02d}", "F"] for i in range(20))))
    _into(place / "meta_study.txt", "type_of_cancer: brca\n")
    return place


def _two_tables(place: Path) -> Path:
    _study(place, LINEAR, "data_mrna_seq_v2_rsem.txt")
    (place / "data_mrna_agilent_microarray.txt").write_text((place / "data_mrna_seq_v2_rsem.txt").read_text())
    _into(place / "data_mrna_seq_v2_rsem_zscores_ref_all_samples.txt", "Hugo_Symbol\tS00\n")
    return place


def _metabric(place: Path) -> Path:
    """Write METABRIC's study folder: 18 people of three classes, one not classified, one without a call."""
    people = [f"MB-{i:04d}" for i in range(20)]
    values = np.round(np.random.default_rng(3).normal(8, 1, (20, 12)), 9)
    rows = [[row[0], 100 + i, *row[1:]] for i, row in enumerate(_table(values)[1:])]
    _into(place / "data_mrna_illumina_microarray.txt", _lines(["Hugo_Symbol", "Entrez_Gene_Id", *people], *rows))
    notes = "#Identifier\tPam50 + Claudin-low subtype\tChemotherapy\n#a\tb\tc\n#STRING\tSTRING\tSTRING\n#1\t5\t1\n"
    kinds = ["LumA", "Basal", "claudin-low"] * 6 + ["NC", ""]
    lines = [[person, kind, "YES"] for person, kind in zip(people, kinds, strict=True)]
    lines.append(["MB-7000", "Her2", "NO"])  # without expression
    _into(
        place / "data_clinical_patient.txt", notes + _lines(["PATIENT_ID", "CLAUDIN_SUBTYPE", "CHEMOTHERAPY"], *lines)
    )
    return place


def _metabric_csv(place: Path) -> Path:
    kinds = ["LumA", "Basal", "claudin-low"] * 6 + ["NC", ""]
    head = ["patient_id", "age_at_diagnosis", "pam50_+_claudin-low_subtype", "death_from_cancer"]
    head += [*(gene.lower() for gene in GENES[:4]), "tp53_mut"]
    scores = np.round(np.random.default_rng(3).normal(0, 1, (20, 4)), 4)
    scores[3, 1] = 0.5
    rows = [[i, 40 + i / 7, kinds[i], "Living", *scores[i], "0" if i % 3 else "H178P"] for i in range(20)]
    return _into(place / "METABRIC_RNA_Mutation.csv", _lines(head, *rows, sep=","))


# -- cells -------------------------------------------------------------------------------------------------------------


def _tenx(place: Path) -> Path:
    entries = [(g + 1, s + 1, COUNTS[s, g]) for s in range(20) for g in range(12) if COUNTS[s, g]]
    head = (
        '%%MatrixMarket matrix coordinate integer general\n%metadata_json: {"software_version": "cellranger-7.1.0"}\n'
    )
    _into(place / "matrix.mtx.gz", head + _lines((12, 20, len(entries)), *entries, sep=" "))
    _into(place / "barcodes.tsv.gz", _lines(*([sample] for sample in SAMPLES)))
    features = ([ensembl, gene, "Gene Expression"] for ensembl, gene in zip(ENSEMBL, GENES, strict=True))
    _into(place / "features.tsv.gz", _lines(*features))
    return place


def _tenx_h5(place: Path) -> Path:
    import h5py
    from scipy.sparse import csc_matrix

    place.mkdir()
    matrix = csc_matrix(COUNTS.T)
    with h5py.File(place / "filtered_feature_bc_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        for name, values in {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": matrix.shape}.items():  # fmt: skip
            group[name] = values
        group["barcodes"] = np.array(SAMPLES, dtype="S")
        group["features/id"] = np.array(ENSEMBL, dtype="S")
        group["features/feature_type"] = np.array(["Gene Expression"] * 12, dtype="S")
    return place / "filtered_feature_bc_matrix.h5"


def _loom(place: Path, main: Any = COUNTS) -> Path:
    import h5py

    place.mkdir()
    with h5py.File(place / "cells.loom", "w") as file:
        file["matrix"] = np.asarray(main).T
        file["layers/spliced"] = COUNTS.T
        file["row_attrs/Gene"] = np.array(GENES, dtype=object)
        file["col_attrs/CellID"] = np.array(SAMPLES, dtype=object)
        file["col_attrs/kind"] = np.array(KINDS, dtype=object)
    return place / "cells.loom"


def _h5ad(place: Path, X: Any = COUNTS, *, layer: bool = False, raw: bool = False) -> Path:
    import anndata
    from scipy.sparse import csr_matrix

    place.mkdir()
    obs = pd.DataFrame({"kind": KINDS}, index=SAMPLES)
    data = anndata.AnnData(X=np.asarray(X, dtype=np.float32), obs=obs, var=pd.DataFrame(index=GENES))
    if layer:
        data.layers["counts"] = csr_matrix(COUNTS.astype(np.float32))
    if raw:
        data.raw = anndata.AnnData(X=csr_matrix(COUNTS.astype(np.float32)), var=data.var)
    data.write_h5ad(place / "cells.h5ad")
    return place / "cells.h5ad"


# -- tables ------------------------------------------------------------------------------------------------------------


def _long(place: Path) -> Path:
    rows = [[s, k, g, int(COUNTS[i, j])] for i, (s, k) in enumerate(zip(SAMPLES, KINDS, strict=True)) for j, g in enumerate(GENES)]  # fmt: skip
    return _into(place / "long.csv", _lines(["Sample", "kind", "gene_id", "count"], *rows, sep=","))


def _merged_feature_counts(place: Path) -> Path:
    rows = [[row[0], "chr1", 1, 9, "+", 9, *row[1:]] for row in _table()[1:]]
    head = [f"/data/run 1/{sample}Aligned.sortedByCoord.out.bam" for sample in SAMPLES]
    text = '# Program:featureCounts v2.0.6; Command:"x"\n'
    return _into(
        place / "counts.txt", text + _lines(["Geneid", "Chr", "Start", "End", "Strand", "Length", *head], *rows)
    )


def _gct(place: Path) -> Path:
    rows = [[row[0], "na", *row[1:]] for row in _table()[1:]]
    return _into(place / "x.gct", _lines(["#1.2"], [12, 20], ["Name", "Description", *SAMPLES], *rows))


def _gct3(place: Path) -> Path:
    rows = [[row[0], "x", "y", *row[1:]] for row in _table()[1:]]
    batch = ["batch", "", "", *["one"] * 20]
    return _into(place / "x.gct.gz", _lines(["#1.3"], [12, 20, 2, 1], ["id", "a", "b", *SAMPLES], batch, *rows))


FILES: dict[str, Callable[[Path], Path]] = {
    "star": _star,
    "star, gzipped": lambda place: _star(place, ".gz"),
    "star, a folder a sample": _star_folders,
    "gdc": _gdc,
    "htseq": _htseq,
    "featurecounts": _feature_counts,
    "salmon": _salmon,
    "kallisto": _kallisto,
    "geo": _geo,
    "cbioportal": _study,
    "10x": _tenx,
    "10x-h5": _tenx_h5,
    "loom": _loom,
    "h5ad": _h5ad,
    "long": _long,
    "gct": _gct,
    "gct, 1.3": _gct3,
    "table, featureCounts": _merged_feature_counts,
    "table, Xena": lambda place: _into(place / "HiSeqV2.gz.tsv.gz", _lines(*_table(head="sample"))),
    "table, UTF-16": lambda place: _into(place / "x.txt", _lines(*_table()), "utf-16"),
}
OTHERS: dict[str, Callable[[Path], Path]] = {
    "geo, two platforms": _two_platforms,
    "cbioportal, two tables": _two_tables,
    "metabric": _metabric,
    "metabric-csv": _metabric_csv,
    "h5ad, layers": lambda place: _h5ad(place, LINEAR, layer=True),
    "h5ad, raw": lambda place: _h5ad(place, LINEAR, raw=True),
    "loom, layers": lambda place: _loom(place, LINEAR),
}
HDF5 = ("h5ad", "loom", "10x-h5")
LABELS_INSIDE = {
    "geo": "kind",
    "cbioportal": "SUBTYPE",
    "loom": "kind",
    "h5ad": "kind",
    "long": "kind",
    "gdc": "Project ID",
}
