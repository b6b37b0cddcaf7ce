"""Files of HDF5 that are no AnnData: loom, and the ``filtered_feature_bc_matrix.h5`` of 10x Genomics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import DataError, MissingExtraError
from bench.datasets.formats.hdf5_probe import wrong_with
from bench.datasets.formats.tenx import of_gene_expression
from bench.datasets.readers.matrices import Layout, Matrix, check_size, chosen_layer, dense
from bench.datasets.readers.tables import shown

_CELLS = ("CellID", "cell_id", "cell_names", "obs_names", "barcode", "Cell", "SampleID", "sample")
_GENES = ("Gene", "gene_names", "var_names", "Accession", "gene", "Symbol")
MAIN = "matrix"


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file of HDF5; whatever is wrong in it is a `DataError`.

    Raises
    ------
    DataError
        If it is damaged.
    MissingExtraError
        If h5py is not there, which comes with the extra ``h5ad``.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(f"reading {path}", "h5py", "h5ad") from error
    check_whole(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (DataError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes HDF5 raise nearly anything
        raise DataError(f"{path} is no complete HDF5 file: {error!r}. Download or export it again.") from error


def check_whole(path: Path) -> None:
    """Raise a `DataError` if not all of a file of HDF5 can be read; a process of its own has tried."""
    if wrong := wrong_with(path):
        raise DataError(f"{path} is no complete HDF5 file: {wrong}. Download or export it again.")


def kind_of(path: Path) -> str:
    """Return ``"h5ad"``, ``"loom"``, ``"10x-h5"`` or nothing, by what an HDF5 file holds."""
    try:
        with opened(path) as file:
            if "row_attrs" in file and MAIN in file:
                return "loom"
            if MAIN in file and "barcodes" in file[MAIN]:
                return "10x-h5"
            return "h5ad" if {"obs", "var"} <= set(file) else ""
    except (DataError, MissingExtraError):
        return ""


def read_loom(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the matrix of a loom file (genes x cells inside), with the attributes of its columns.

    The format is that of http://linnarssonlab.org/loompy/format/. `layer` is ``matrix`` or the name of a layer.
    """
    with opened(path) as file:
        layers = (MAIN, *file.get("layers", {}))
        layer = chosen_layer(path, layout.layer, layers, MAIN)
        data = file[MAIN] if layer == MAIN else file["layers"][layer]
        check_size(path, *data.shape[::-1])
        columns = {
            name: _text(values) for name, values in file.get("col_attrs", {}).items() if values.shape == data.shape[1:]
        }
        genes = {name: _text(values) for name, values in file["row_attrs"].items() if values.shape == data.shape[:1]}
        cells, names = _names(path, columns, _CELLS, "columns"), _names(path, genes, _GENES, "rows")
        values = np.asarray(data[()]).T.astype(np.float64)
        return Matrix(path, values, cells, names, columns, layer=layer, layers=layers)


def _names(path: Path, found: dict[str, list[str]], wanted: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return the first of the attributes that names each row or column by a name of its own."""
    present = [name for name in wanted if name in found]
    if not present:
        raise DataError(
            f"{path}: no attribute of its {what} is one of {shown(wanted, 8)}; it has {shown(list(found))}. Expected "
            "the names there."
        )
    best = next((name for name in present if len(set(found[name])) == len(found[name])), present[0])
    return tuple(found[best])


def _text(values: Any) -> list[str]:
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values[()].tolist()]


def read_tenx_h5(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the counts of Cell Ranger's HDF5 file, genes by their Ensembl identifiers."""
    from scipy.sparse import csc_matrix

    with opened(path) as file:
        group = file[MAIN]
        shape = tuple(int(n) for n in group["shape"][()])
        check_size(path, *shape[::-1])
        parts = (group["data"][()], group["indices"][()], group["indptr"][()])
        found = dense(csc_matrix(parts, shape=shape))
        features = group["features"]
        genes, kinds = _text(features["id"]), _text(features["feature_type"])
        cells = tuple(_text(group["barcodes"]))
    if shape != (len(genes), len(cells)) or len(kinds) != len(genes):  # before memory is asked for
        raise DataError(
            f"{path} has {len(cells)} barcodes and {len(genes)} features for a matrix of {shape[0]} x {shape[1]}. "
            "Download or export it again."
        )
    values = found.T.astype(np.float64)
    return of_gene_expression(Matrix(path, values, cells, tuple(genes), {}), kinds)
