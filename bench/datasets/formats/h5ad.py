"""AnnData files: X, a layer or what lies in `raw`, with the columns of ``obs``."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.core.errors import DataError, MissingExtraError
from bench.datasets.formats.hdf5 import check_whole
from bench.datasets.readers.matrices import Layout, Matrix, check_size, chosen_layer
from bench.datasets.readers.matrices import dense as to_array
from bench.datasets.readers.tables import Table, file_type, shown

X, RAW = "X", "raw"


def read_h5ad(path: Path, layout: Layout, *, labels_inside: bool) -> Matrix:
    """Return the matrix of an AnnData file; `layer` is ``X``, ``raw``, or the name of a layer."""
    if path.suffix.lower() == ".h5ad":
        file_type(path)  # raises if it is something else
    data = _open(path)
    layers = (*([] if data.X is None else [X]), *([] if data.raw is None else [RAW]), *map(str, data.layers))
    layer = chosen_layer(path, layout.layer, layers, X)
    table = _obs_table(path, data.obs)
    columns = {name: table.text(name) for name in table.columns[1:]}
    genes = data.raw.var_names if layer == RAW else data.var_names
    return Matrix(
        path, _values(data, path, layer), tuple(map(str, data.obs_names)), tuple(map(str, genes)), columns,
        layer=layer, layers=layers,
    )  # fmt: skip


def h5ad_table(path: Path, *, keep: Collection[str]) -> tuple[Table, dict[str, tuple[str, ...]]]:
    """Return an h5ad file as a table with its genes as the last columns, and every naming of the genes.

    Parameters
    ----------
    path : the file
    keep : columns of ``obs`` to keep, between the sample names and the genes; the others are left out

    Returns
    -------
    The table, named by ``var_names``; and the names by ``var_names`` and by each column of text in ``var``.
    """
    data = _open(path)
    return anndata_table(data, dense(data, path), path, keep=keep)


def anndata_table(
    data: Any, values: NDArray[Any], path: Path, *, keep: Collection[str]
) -> tuple[Table, dict[str, tuple[str, ...]]]:
    """Return an AnnData object, whose matrix is `values`, as `h5ad_table` does; `path` names it in messages."""
    obs = _obs_table(path, data.obs[[name for name in data.obs.columns if name in keep]])
    frame = pd.concat([obs.frame, pd.DataFrame(values)], axis=1)
    names = {"var_names": tuple(map(str, data.var_names))}
    for column in data.var.columns:
        if not pd.api.types.is_numeric_dtype(data.var[column]):
            names[str(column)] = tuple(data.var[column].astype(str))
    return Table(path, (*obs.columns, *names["var_names"]), frame.set_axis(range(frame.shape[1]), axis=1)), names


def dense(data: Any, path: Path) -> NDArray[Any]:
    """Return the matrix X of an AnnData object; `path` names it in messages."""
    return _values(data, path, X)


def _open(path: Path) -> Any:
    """Return the AnnData object of a file."""
    try:
        import anndata
    except ImportError as error:
        raise MissingExtraError(f"reading {path}", "anndata", "h5ad") from error
    check_whole(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # repeated names are an error of our own
            return anndata.read_h5ad(path)
    except Exception as error:  # a damaged file makes HDF5 and anndata raise nearly anything
        raise DataError(f"{path} is no AnnData file: {error}. Write it again with AnnData.write_h5ad.") from error


def _values(data: Any, path: Path, layer: str) -> NDArray[Any]:
    found = data.raw.X if layer == RAW else data.X if layer == X else data.layers[layer]
    if found is None:
        others = [*([] if data.raw is None else [RAW]), *map(str, data.layers)]
        more = f"take another with --layer: {shown(others)}" if others else "put the values there, as data.X = ..."
        raise DataError(f"{path} has no matrix X; {more}.")
    try:
        check_size(path, *found.shape)
        values = to_array(found)
        return values if values.dtype.kind in "fiub" else values.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:  # damaged indices, or values that are no numbers
        raise DataError(f"{path}: the matrix {layer} holds no plain numbers: {error}. Write the file again.") from error


def _obs_table(path: Path, obs: pd.DataFrame) -> Table:
    frame = obs.rename_axis(None).reset_index(names="").set_axis(range(obs.shape[1] + 1), axis=1)
    return Table(path, ("", *map(str, obs.columns)), frame)
