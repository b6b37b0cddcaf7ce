"""GEO series matrices: the table, and what is known about the samples above it; also of two platforms."""

from __future__ import annotations

import csv
import gzip
import logging
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.core.errors import DataError
from bench.datasets.formats.samples import files_of
from bench.datasets.formats.wide import in_columns
from bench.datasets.readers.matrices import Layout, Matrix, chosen_layer
from bench.datasets.readers.table_text import TABLE_BEGINS, open_text
from bench.datasets.readers.tables import read_table, shown

ENDING = "_series_matrix.txt"
_PLATFORM = re.compile(r"GPL\d+")
_KEPT = ("title", "source_name_ch1", "platform_id", "organism_ch1")
_SHARED = 0.5  # of the smaller platform's probes, from which on two platforms are one measurement
log = logging.getLogger(__name__)


def read_geo(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the matrix of a series, with a column for each characteristic of its samples.

    A folder with one file for each platform is one matrix if they share most probes: the common probes of all samples.

    Raises
    ------
    DataError
        If there is no table, or two platforms measure different things; `layer` then chooses one, ``GPL570``.
    """
    files = files_of(path, ENDING) if path.is_dir() else [path]
    parts = {platform_of(file): file for file in files}
    if len(parts) < len(files):
        raise DataError(f"{path} has two files of one platform: {shown([f.name for f in files])}. Keep one of them.")
    if layout.layer is not None:
        layer = chosen_layer(path, layout.layer, tuple(parts), "")
        return replace(_read_one(parts[layer], layout), layer=layer, layers=tuple(parts))
    read = [_read_one(file, layout) for file in parts.values()]
    return read[0] if len(read) == 1 else _joined(path, tuple(parts), read)


def platform_of(path: Path) -> str:
    """Return the platform of a series matrix, which its name or its text says."""
    for text in (
        path.name,
        *(value for key, values in _facts(path) if key.endswith("platform_id") for value in values),
    ):
        if match := _PLATFORM.search(text):
            return match[0]
    return path.name


def _read_one(path: Path, layout: Layout) -> Matrix:
    facts = list(_facts(path))
    try:
        matrix = in_columns(read_table(path), layout)
    except DataError as error:
        if "0 rows below" in str(error):
            raise DataError(
                f"{path} has no values: series of sequencing keep them in supplementary files. Download those, and "
                "give them with --counts."
            ) from error
        raise
    accessions = next((values for key, values in facts if key == "geo_accession"), list(matrix.samples))
    place = {name: i for i, name in enumerate(accessions)}
    if any(sample not in place for sample in matrix.samples):
        return matrix
    order = [place[sample] for sample in matrix.samples]
    columns = {name: [values[i] if i < len(values) else "" for i in order] for name, values in _columns(facts).items()}
    return replace(matrix, columns=columns)


def _facts(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield what the lines above the table say about samples: ``("geo_accession", ["GSM1", ...])``."""
    try:
        with open_text(path) as stream:
            for row in csv.reader(stream, delimiter="\t"):
                if row and row[0].lower().startswith(TABLE_BEGINS):
                    return
                if row and row[0].startswith("!Sample_"):
                    yield row[0].removeprefix("!Sample_"), [cell.strip() for cell in row[1:]]
                elif row and row[0].startswith("!Series_platform_id"):
                    yield "platform_id", row[1:]
    except (UnicodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        raise DataError(f"{path} is no complete series matrix: {error}. Download it again.") from error


def _columns(facts: Sequence[tuple[str, list[str]]]) -> dict[str, list[str]]:
    """Return a column for each characteristic; submitters leave some out, so that a line may hold several."""
    n = max((len(values) for _, values in facts), default=0)
    columns: dict[str, list[str]] = {}
    for key, values in facts:
        if key in _KEPT and len(values) == n:
            columns.setdefault(key, list(values))
        if not key.startswith("characteristics_ch"):
            continue
        for i, cell in enumerate(values):
            name, colon, value = cell.partition(":")
            if colon and not columns.setdefault(name.strip(), [""] * n)[i]:
                columns[name.strip()][i] = value.strip()
    return columns


def _joined(path: Path, platforms: Sequence[str], parts: Sequence[Matrix]) -> Matrix:
    """Return the common probes of samples on several platforms."""
    common = [gene for gene in parts[0].genes if all(gene in set(part.genes) for part in parts[1:])]
    twice = {sample for part in parts[1:] for sample in part.samples} & set(parts[0].samples)
    if twice or len(common) < _SHARED * min(len(part.genes) for part in parts):
        sizes = ", ".join(
            f"{n} ({len(p.samples)} samples x {len(p.genes)})" for n, p in zip(platforms, parts, strict=True)
        )
        raise DataError(
            f"{path} holds {len(parts)} platforms, {sizes}, with {len(common)} probes in common. They do not measure "
            f"the same; choose one, for example with --layer {platforms[0]}."
        )
    log.warning(
        "%s: %s are joined on their %d common probes; platforms differ in scale, and --layer chooses one of them", path,
        " and ".join(platforms), len(common),
    )  # fmt: skip
    values = np.vstack([p.values[:, [p.genes.index(gene) for gene in common]] for p in parts])
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    columns = {n: [v for p in parts for v in p.columns.get(n, [""] * len(p.samples))] for n in names}
    samples = tuple(sample for part in parts for sample in part.samples)
    left = (f"probes that are not on each of {' and '.join(platforms)}",)
    return Matrix(path, values, samples, tuple(common), columns, layers=tuple(platforms), left_out=left)
