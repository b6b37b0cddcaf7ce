"""Cohorts as pandas tables and AnnData objects, and back: what people have in a notebook."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bench.core.cohort import Cohort
from bench.core.errors import DataError, MissingExtraError, near_name
from bench.core.records import Units

if TYPE_CHECKING:
    import pandas as pd

_DONOR = "donor"
_ENOUGH = 6  # names in a message


def to_frame(cohort: Cohort, label: str) -> pd.DataFrame:
    """Return a table of samples x genes: labels first, then `donor` and further labels where there are any, then genes.

    Parameters
    ----------
    cohort : the samples; their names become the index
    label : name of the column of labels
    """
    import pandas as pd

    beside = _beside(cohort, label)
    if clash := sorted(set(beside) & set(cohort.genes)):
        raise DataError(f"the label column {clash[0]!r} has the name of a gene; choose another name for it.")
    genes = pd.DataFrame(cohort.X, index=list(cohort.samples), columns=list(cohort.genes))
    return pd.concat([pd.DataFrame(beside, index=genes.index), genes], axis=1)


def to_anndata(cohort: Cohort, label: str) -> Any:
    """Return an AnnData object with the labels in ``obs``, and the units in ``uns["units"]``.

    Raises
    ------
    MissingExtraError
        If anndata is not installed.
    """
    anndata = _anndata("making an AnnData object")
    import pandas as pd

    obs = pd.DataFrame(_beside(cohort, label), index=list(cohort.samples))
    data = anndata.AnnData(cohort.X.copy(), obs=obs, var=pd.DataFrame(index=list(cohort.genes)))
    data.uns["units"] = cohort.units
    return data


def from_frame(
    frame: pd.DataFrame, *, label: str | ArrayLike, units: Units, donor: str | None = None, obs: Collection[str] = ()
) -> Cohort:
    """Return the cohort of a table of samples x genes, whose index names the samples.

    Parameters
    ----------
    frame : every column is a gene, but those that are named here
    label : the column of class labels, or the labels themselves, one for each row
    units : what the numbers are
    donor : the column of donors, where one person gave several samples
    obs : columns of further labels to keep

    Raises
    ------
    DataError
        If a column is missing, a gene is no number, or the cohort is not sound.
    """
    named = [label] if isinstance(label, str) else []
    beside = [*named, *([donor] if donor else []), *obs]
    for name in beside:
        if name not in frame.columns:
            raise DataError(
                f"the table has no column {name!r}.{near_name(name, list(map(str, frame.columns)))} Its first columns "
                f"are {', '.join(map(repr, list(frame.columns)[:_ENOUGH]))}."
            )
    genes = frame.drop(columns=beside)
    _check_numbers(genes)
    return Cohort(
        X=genes.to_numpy(dtype=np.float64, na_value=np.nan),
        y=_text(frame[label] if isinstance(label, str) else label),
        genes=tuple(map(str, genes.columns)),
        samples=tuple(map(str, frame.index)),
        units=units,
        donors=None if donor is None else _text(frame[donor]),
        obs={name: _text(frame[name]) for name in obs},
    )


def from_anndata(
    data: Any, *, label: str, units: Units | None = None, donor: str | None = None, obs: Collection[str] = ()
) -> Cohort:
    """Return the cohort of an AnnData object: its matrix ``X`` and columns of its ``obs``.

    Parameters
    ----------
    data : the AnnData object; a sparse matrix is made dense
    label, donor, obs : columns of ``obs``, as for `from_frame`
    units : what the numbers are; by default ``data.uns["units"]``

    Raises
    ------
    DataError
        If the units are not said, there is no matrix, or what `from_frame` says.
    """
    import pandas as pd

    units = units or data.uns.get("units")
    if units is None:
        raise DataError("the AnnData object does not say its units; give units= with counts, log2, vst or another.")
    if data.X is None:
        raise DataError("the AnnData object has no matrix X; put the values there, for example from a layer.")
    for name in (label, *([donor] if donor else []), *obs):
        if name not in data.obs.columns:
            raise DataError(f"obs has no column {name!r}.{near_name(name, list(map(str, data.obs.columns)))}")
    X = data.X.toarray() if hasattr(data.X, "toarray") else np.asarray(data.X)
    frame = pd.DataFrame(X, index=data.obs_names, columns=data.var_names)
    cohort = from_frame(frame, label=_text(data.obs[label]), units=units)
    extra = {name: _text(data.obs[name]) for name in obs}
    donors = None if donor is None else _text(data.obs[donor])
    return Cohort(cohort.X, cohort.y, cohort.genes, cohort.samples, units, donors, extra)


def _beside(cohort: Cohort, label: str) -> dict[str, Any]:
    donors = {} if cohort.donors is None else {_DONOR: cohort.donors}
    return {label: cohort.y, **donors, **cohort.obs}


def _text(values: Any) -> Any:
    import pandas as pd

    column = pd.Series(np.asarray(values, dtype=object))
    if column.isna().any():
        raise DataError(f"row {int(np.argmax(column.isna()))} has no label; expected text for each.")
    return column.astype(str).to_numpy(dtype=np.str_)


def _check_numbers(genes: pd.DataFrame) -> None:
    import pandas as pd

    wrong = [str(name) for name, kind in genes.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if wrong:
        raise DataError(
            f"{len(wrong)} columns hold no numbers, {', '.join(map(repr, wrong[:_ENOUGH]))} first; expected genes. "
            "Name columns of labels with label=, donor= or obs=, or drop them."
        )


def _anndata(what: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own imports
            import anndata
    except ImportError as error:
        raise MissingExtraError(what, "anndata", "h5ad") from error
    return anndata
