"""Steps from raw to ready: what `bench data import --transform` does to samples, genes and values, one after another.

Each step is known by a name and parameters, ``expressed[count=10,share=0.2]``, which the imported dataset records with
what it did, so that the same words give the same data. A step that looks at all people to decide something (which
genes, which trend) touches those who are held out later: it is listed in every privacy claim on the data. A step that
looks at one sample at a time, or at public lists alone, is not.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError, near_name
from bench.datasets.gene_lists import landmark_genes, without_version
from bench.datasets.readers.spellings import is_missing
from bench.datasets.readers.tables import read_table, shown

LINEAR = "linear"  # CPM, TPM, FPKM, RSEM: of no use to a generator before they are logarithms
_STEP = re.compile(r"([a-z0-9-]+)(?:\[(.*)\])?")
Values = NDArray[np.float64]
Replay = Callable[[Values, tuple[str, ...]], tuple[Values, tuple[str, ...]]]


@dataclass(frozen=True, eq=False)
class Draft:
    """A cohort in the making.

    Parameters
    ----------
    X : (n_samples, n_genes), NaN where a value is missing
    y : the labels, empty where one is missing
    samples, genes : their names
    units : those of a cohort, or `LINEAR`
    columns : further columns of text, each (n_samples,)
    """

    X: Values
    y: Sequence[str]
    samples: tuple[str, ...]
    genes: tuple[str, ...]
    units: str
    columns: dict[str, list[str]]

    def of_samples(self, keep: Sequence[int]) -> Draft:
        """Return the draft with these of its samples."""
        columns = {name: [values[i] for i in keep] for name, values in self.columns.items()}
        samples = tuple(self.samples[i] for i in keep)
        return replace(self, X=self.X[keep], y=[self.y[i] for i in keep], samples=samples, columns=columns)

    def of_genes(self, keep: Sequence[int]) -> Draft:
        """Return the draft with these of its genes."""
        return replace(self, X=self.X[:, keep], genes=tuple(self.genes[i] for i in keep))


@dataclass(frozen=True, eq=False)
class Effect:
    """What a step did.

    Parameters
    ----------
    draft : what it left
    did : in words
    outside : what every privacy claim must list, or nothing
    replay : the same on other people: values and genes in, values and genes out
    step : the step with its parameters, as it was typed
    """

    draft: Draft
    did: str
    outside: str = ""
    replay: Replay | None = None
    step: str = ""


def follow(steps: Sequence[str], draft: Draft) -> list[Effect]:
    """Return the effects of steps, one after another; the last one holds what they leave.

    Parameters
    ----------
    steps : such as ``["expressed[count=10,share=0.2]", "cpm", "log2"]``
    draft : the cohort as it was read

    Raises
    ------
    DataError
        If a step is unknown, its parameters cannot be read, it does not fit the units, or it leaves nothing.
    """
    effects: list[Effect] = []
    for step in steps:
        name, params = _parsed(step)
        effect = STEPS[name](draft, **params)
        draft = effect.draft
        if not draft.samples or not draft.genes:
            what = "samples" if draft.genes else "genes"
            raise DataError(f"--transform {step} leaves no {what}: {effect.did}. Mend its parameters.")
        effects.append(replace(effect, step=step))
    return effects


def names_of(steps: Sequence[str]) -> set[str]:
    """Return the names of steps, after a look at their parameters; errors are those of `follow`."""
    return {_parsed(step)[0] for step in steps}


def _parsed(step: str) -> tuple[str, dict[str, Any]]:
    match = _STEP.fullmatch(step.strip())
    name = match[1] if match else step
    if match is None or name not in STEPS:
        raise DataError(
            f"--transform {step!r} is no step.{near_name(name, STEPS)} Expected one of {', '.join(STEPS)}, with its "
            "parameters in brackets, as in expressed[count=10,share=0.2]."
        )
    known = {k: p for k, p in inspect.signature(STEPS[name]).parameters.items() if p.kind is p.KEYWORD_ONLY}
    given = dict(part.partition("=")[::2] for part in (match[2] or "").split(",") if part)
    if unknown := [key for key in given if key.strip() not in known]:
        raise DataError(
            f"--transform {name} has no parameter {unknown[0]!r}; its parameters: {', '.join(known) or 'none'}."
        )
    params = {
        key.strip(): _value(name, key.strip(), text.strip(), known[key.strip()].default) for key, text in given.items()
    }
    if lacking := [key for key, p in known.items() if p.default == "" and not params.get(key)]:
        raise DataError(f"--transform {name} needs its parameter {lacking[0]!r}, as in {name}[{lacking[0]}=FILE].")
    return name, params


def _value(name: str, key: str, text: str, default: Any) -> Any:
    if isinstance(default, str):
        return text
    try:
        number = type(default)(float(text)) if float(text) == type(default)(float(text)) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or not 0 <= number < np.inf:
        kind = "whole number" if isinstance(default, int) else "number"
        raise DataError(f"--transform {name}: {key}={text!r}; expected a {kind} of 0 or more, such as {default}.")
    return number


# -- samples and labels ------------------------------------------------------------------------------------------------


def drop_unlabelled(draft: Draft) -> Effect:
    """Leave out samples without a label."""
    keep = [i for i, label in enumerate(draft.y) if not is_missing(label)]
    return Effect(draft.of_samples(keep), f"{len(draft.y) - len(keep)} samples without a label left out")


def drop_small_classes(draft: Draft, *, n: int = 5) -> Effect:
    """Leave out classes of fewer than n samples."""
    sizes = Counter(draft.y)
    small = {label: size for label, size in sizes.items() if size < n}
    keep = [i for i, label in enumerate(draft.y) if label not in small]
    told = ", ".join(f"{label} ({size})" for label, size in sorted(small.items())) or "none"
    return Effect(draft.of_samples(keep), f"classes of fewer than {n} samples left out: {told}")


def labels_map(draft: Draft, *, file: str = "") -> Effect:
    """Rename and merge labels by a table of two columns, old and new; an empty new one leaves the samples out.

    A label that is not in the table stays. One of the table that no sample has is an error: it is a slip of the pen.
    """
    table = read_table(Path(file), text=None)
    if len(table.columns) != 2:
        raise DataError(f"{file} has {len(table.columns)} columns; expected two, the old label and the new one.")
    new = dict(zip(table.rows, table.text(table.columns[1]), strict=True))
    if unused := [label for label in new if label not in draft.y]:
        raise DataError(
            f"{file} names the label {unused[0]!r}, which no sample has; the labels are "
            f"{shown(sorted(set(draft.y)), 12)}."
        )
    named = replace(draft, y=[new.get(label, label) for label in draft.y])
    keep = [i for i, label in enumerate(named.y) if draft.y[i] not in new or label]
    gone = f"; {len(draft.y) - len(keep)} samples left out" if len(keep) < len(draft.y) else ""
    changes = ", ".join(f"{a} is {b or 'left out'}" for a, b in list(new.items())[:12])
    return Effect(named.of_samples(keep), f"{changes}{gone}")


# -- genes -------------------------------------------------------------------------------------------------------------


def _genes(draft: Draft, keep: Sequence[int], why: str, outside: str = "") -> Effect:
    left = draft.of_genes(keep)
    did = f"{len(left.genes)} of {len(draft.genes)} genes kept: {why}"
    return Effect(left, did, outside, lambda X, genes: _picked(X, genes, left.genes))


def _picked(X: Values, genes: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[Values, tuple[str, ...]]:
    place = {gene: i for i, gene in enumerate(genes)}
    if missing := [gene for gene in wanted if gene not in place]:
        raise DataError(f"the reference set lacks {len(missing)} genes of the cohort: {shown(missing, 3)}.")
    return X[:, [place[gene] for gene in wanted]], wanted


def complete_genes(draft: Draft) -> Effect:
    """Leave out genes of which a value is missing."""
    keep = np.flatnonzero(~np.isnan(draft.X).any(axis=0))
    why = "those without a missing value"
    return _genes(draft, keep.tolist(), why, f"genes without a missing value in anybody ({len(keep)})")


def expressed(draft: Draft, *, count: float = 10.0, share: float = 0.2) -> Effect:
    """Keep genes with at least `count` (reads, or CPM after `cpm`) in at least this share of the samples."""
    _in(draft, "expressed", "counts", LINEAR)
    keep = np.flatnonzero((count <= draft.X).mean(axis=0) >= share).tolist()
    why = f"{count:g} or more in {share:.0%} of the samples"
    return _genes(draft, keep, why, f"genes chosen by expression in everybody ({why})")


def top_variance(draft: Draft, *, n: int = 1000) -> Effect:
    """Keep the n genes with the largest variance, on a logarithmic scale."""
    _in(draft, "top-variance", "log2", "vst")
    keep = np.sort(np.argsort(-draft.X.var(axis=0), kind="stable")[:n]).tolist()
    return _genes(draft, keep, f"the {n} of largest variance", f"the {n} genes of largest variance in everybody")


def landmark(draft: Draft) -> Effect:
    """Keep the 978 landmark genes of L1000 (doi:10.1016/j.cell.2017.10.049), by Ensembl name, symbol or Entrez."""
    known = {name for row in landmark_genes() for name in row}
    keep = [i for i, gene in enumerate(draft.genes) if without_version(gene) in known]
    return _genes(draft, keep, "landmark genes of L1000, a public list")


def only_genes(draft: Draft, *, file: str = "") -> Effect:
    """Keep the genes that a text file lists, one a line; the list must be public, and made without these people."""
    try:
        lines = Path(file).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the list of genes {file} cannot be read: {error}. Give a text file with one name a line."
        ) from error
    wanted = set(lines)
    keep = [i for i, gene in enumerate(draft.genes) if gene in wanted or without_version(gene) in wanted]
    return _genes(draft, keep, f"those of the {len(wanted)} in {Path(file).name}")


def sum_to_genes(draft: Draft, *, map: str = "") -> Effect:  # noqa: A002 - the name that users type
    """Add up transcripts, or rows of one gene, by a table of two columns, the name in the data and the gene.

    What is not in the table is left out. Only linear values can be added.
    """
    _in(draft, "sum-to-genes", "counts", LINEAR)
    table = read_table(Path(map), text=None)
    gene_of = {without_version(a): b for a, b in zip(table.rows, table.text(table.columns[1]), strict=True) if b}

    def add_up(X: Values, genes: tuple[str, ...]) -> tuple[Values, tuple[str, ...]]:
        found = [gene_of.get(without_version(gene), gene_of.get(gene, "")) for gene in genes]
        names = tuple(dict.fromkeys(name for name in found if name))
        place = {name: i for i, name in enumerate(names)}
        summed = np.zeros((len(X), len(names)))
        for i, name in enumerate(found):
            if name:
                summed[:, place[name]] += X[:, i]
        return summed, names

    X, genes = add_up(draft.X, draft.genes)
    did = f"{len(draft.genes)} rows added up to {len(genes)} genes"
    return Effect(replace(draft, X=X, genes=genes), did, "", add_up)


# -- values ------------------------------------------------------------------------------------------------------------


def _each(draft: Draft, change: Callable[[Values], Values], units: str, did: str) -> Effect:
    """Return the effect of what is done to one sample at a time."""
    return Effect(replace(draft, X=change(draft.X), units=units), did, "", lambda X, genes: (change(X), genes))


def _in(draft: Draft, step: str, *units: str) -> None:
    if draft.units not in units:
        raise DataError(
            f"--transform {step} is for values in {' or '.join(units)}, and these are {draft.units} by then. Mend "
            "--units, or the order of the steps."
        )
    if draft.units == "counts" and step != "round" and (np.rint(draft.X) != draft.X)[~np.isnan(draft.X)].any():
        raise DataError(
            f"--transform {step}: there are fractions, and counts are whole numbers. Put --transform round before if "
            "they are expected counts, or say --units linear if they are normalised."
        )
    if "counts" in units and (draft.X < 0).any():
        raise DataError(f"--transform {step} is for values of 0 or more, and {np.nanmin(draft.X):g} is among them.")


def rounded(draft: Draft) -> Effect:
    """Round to whole numbers: expected counts of RSEM, salmon and kallisto."""
    _in(draft, "round", "counts", LINEAR)
    return _each(draft, np.rint, "counts", "expected counts rounded to whole numbers")


def cpm(draft: Draft) -> Effect:
    """Divide by the million reads of each sample."""
    _in(draft, "cpm", "counts")
    return _each(draft, lambda X: X * (1e6 / _totals(X)), LINEAR, "counts per million reads of the sample")


def _totals(X: Values) -> Values:
    totals: Values = np.nansum(X, axis=1, keepdims=True)
    if (totals == 0).any():
        raise DataError(f"{int((totals == 0).sum())} samples have no reads at all; leave them out before import.")
    return totals


def log2(draft: Draft, *, add: float = 1.0) -> Effect:
    """Take binary logarithms of values plus `add`."""
    _in(draft, "log2", LINEAR, "counts")
    if add == 0 and (draft.X == 0).any():
        raise DataError("--transform log2[add=0]: there are zeros, which have no logarithm; expected add of 1, say.")
    return _each(draft, lambda X: np.log2(X + add), "log2", f"log2(x + {add:g})")


def vst(draft: Draft, *, dispersion: float = 0.1, reads: float = 1e7) -> Effect:
    """Stabilise the variance of counts with one known dispersion, each sample by itself: nothing is fitted.

    Counts q, scaled to `reads` of the sample in all, become
    ``log2((1 + 2 a q + 2 sqrt(a q (1 + a q))) / (4 a))`` with the dispersion a: the transformation of Anders and Huber
    (doi:10.1186/gb-2010-11-10-r106) for a constant dispersion, which nears ``log2 q`` for large counts.
    """
    _in(draft, "vst", "counts")
    if dispersion == 0 or reads == 0:
        raise DataError("--transform vst: dispersion and reads must be larger than 0.")
    did = f"variance stabilised for a dispersion of {dispersion:g} at {reads:g} reads a sample, nothing fitted"
    return _each(draft, lambda X: _stabilised(X * (reads / _totals(X)), dispersion, 0.0), "vst", did)


def _stabilised(q: Values, a0: float, a1: float) -> Values:
    """Return the closed form for the dispersion a0 + a1 / q (vignette of DESeq2, doi:10.1186/s13059-014-0550-8)."""
    stable: Values = np.log2((1 + a1 + 2 * a0 * q + 2 * np.sqrt(a0 * q * (1 + a1 + a0 * q))) / (4 * a0))
    return stable


def vst_fitted(draft: Draft) -> Effect:
    """Stabilise the variance of counts with size factors and a trend of dispersion fitted on everybody.

    Size factors are medians of ratios (doi:10.1186/gb-2010-11-10-r106); the dispersion is ``a0 + a1 / mean``, by least
    squares over the genes' moments; DESeq2 fits likelihoods, so that its values differ somewhat.
    """
    _in(draft, "vst-fitted", "counts")
    present = (draft.X > 0).all(axis=0)
    if not present.any():
        raise DataError(
            "--transform vst-fitted: no gene has reads in every sample, so there are no size factors. Use vst."
        )
    centre = np.log(draft.X[:, present]).mean(axis=0)  # (n_present,)

    def sized(X: Values) -> Values:
        factors: Values = np.exp(np.median(np.log(np.maximum(X[:, present], 0.5)) - centre, axis=1, keepdims=True))
        return X / factors

    q = sized(draft.X)
    a0, a1 = _trend(q)
    did = f"variance stabilised, dispersion {a0:.3g} + {a1:.3g} / mean, fitted on all {len(q)} samples"
    step = "VST: size factors and trend of dispersion"
    return replace(_each(draft, lambda X: _stabilised(sized(X), a0, a1), "vst", did), outside=step)


def _trend(q: Values) -> tuple[float, float]:
    """Return a0 and a1 of the dispersion ``a0 + a1 / mean`` by weighted least squares over the genes' moments."""
    mean, variance = q.mean(axis=0), q.var(axis=0, ddof=1)
    used = mean > 1
    alpha = np.clip((variance[used] - mean[used]) / mean[used] ** 2, 1e-8, 10.0)
    if used.sum() < 3:
        raise DataError("--transform vst-fitted: fewer than three genes have a mean above 1 read. Use vst.")
    weights = 1 / (alpha + 0.01)  # their errors grow with them
    design = np.column_stack([np.ones(int(used.sum())), 1 / mean[used]])
    found = np.linalg.lstsq(design * weights[:, None], alpha * weights, rcond=None)[0]
    return max(float(found[0]), 1e-4), max(float(found[1]), 0.0)


STEPS: dict[str, Callable[..., Effect]] = {
    "drop-unlabelled": drop_unlabelled,
    "drop-small-classes": drop_small_classes,
    "labels-map": labels_map,
    "complete-genes": complete_genes,
    "sum-to-genes": sum_to_genes,
    "round": rounded,
    "expressed": expressed,
    "cpm": cpm,
    "log2": log2,
    "vst": vst,
    "vst-fitted": vst_fitted,
    "landmark": landmark,
    "genes": only_genes,
    "top-variance": top_variance,
}


def check_end(units: str) -> None:
    """Raise a `DataError` if values are in no units of a cohort at the end of all steps."""
    if units == LINEAR:
        raise DataError(
            f"the values are {units} at the end (CPM, TPM, FPKM or RSEM), which no generator takes: a few genes would "
            "be everything. Add --transform log2."
        )
