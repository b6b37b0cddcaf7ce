"""Genetic variants as data: phased haplotypes or genotypes of people at named sites, checked where they are made."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError
from bench.core.plain import real
from bench.core.records import (
    Labelled,
    Modality,
    Units,
    check_one_each,
    check_unique,
    label_array,
    row_numbers,
    synthetic_names,
)

MISSING = -1
_SITE = re.compile(r"(?P<chrom>[^\s:|]+):(?P<pos>[1-9][0-9]*):(?P<ref>[ACGTN]+)>(?P<alt>[ACGTN]+|<[^\s<>|]+>)")
_MANY = 1 << 24  # calls that are looked at together


@dataclass(frozen=True, eq=False, repr=False)
class Variants(Labelled):
    """Calls of people at sites, with one class label each; the order of people and sites is part of the data.

    A site has one alternate allele: a record with several is kept as one site for each. A haplotype *carries* the
    alternate (1) or does not (0). Where the phase is known there are two haplotypes a person, else one count of
    alternate alleles (0, 1, 2). A call that was not made is -1.

    The flat view ``X`` is (n_people, 2 * n_sites) for haplotypes, the first haplotype's sites and then the second's,
    with the columns ``<site>|1`` and ``<site>|2``; and (n_people, n_sites) counts for genotypes. Missing calls are -1
    in it too. It is float32 and made when it is asked for, four times the size of the calls; what knows variants reads
    `calls`.

    Parameters
    ----------
    calls : (n_people, 2, n_sites) 0, 1 or -1 for haplotypes, (n_people, 1, n_sites) 0, 1, 2 or -1 for genotypes; kept
        as int8 and made read-only
    y : (n_people,) str, the class label, for example the population; None if there are none, and whoever asks for it
        gets a `NoLabelsError`
    sites : n_sites unique names ``chromosome:position:reference>alternate``, in order
    samples : n_people unique names, in order
    build : str, the reference genome, for example ``"GRCh37"``; empty if it is not known
    donors : (n_people,) str or None; what must not be divided between training and held-out people: the family

    Raises
    ------
    DataError
        If a shape does not fit, a call is none of the values above, or a name comes twice or is no site.

    Examples
    --------
    >>> from bench import Variants
    >>> people = Variants(
    ...     calls=[[[0, 1], [1, 1]], [[0, 0], [0, -1]]],
    ...     y=["FIN", "YRI"],
    ...     sites=("22:16051497:A>G", "22:16059752:G>A"),
    ...     samples=("HG1", "NA2"),
    ... )
    >>> people.phased, people.genotypes.tolist(), people.frequencies.round(2).tolist()
    (True, [[1, 2], [0, -1]], [0.25, 0.67])
    >>> people.features
    ('22:16051497:A>G|1', '22:16059752:G>A|1', '22:16051497:A>G|2', '22:16059752:G>A|2')
    """

    modality: ClassVar[Modality] = "variants"
    units: ClassVar[Units] = "genotype"

    calls: NDArray[np.int8]
    y: NDArray[np.str_]
    sites: tuple[str, ...]
    samples: tuple[str, ...]
    build: str = ""
    donors: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        given: NDArray[Any] = np.asarray(real(self.calls, "the calls", DataError))
        object.__setattr__(self, "sites", tuple(self.sites))
        object.__setattr__(self, "samples", tuple(self.samples))
        object.__setattr__(self, "calls", self._checked(given))
        self._keep_labels(self.y)
        if self.donors is not None:
            object.__setattr__(self, "donors", label_array(self.donors, "donors"))
        check_one_each(len(self), {**self._labels(), "donors": self.donors})
        check_unique(self.samples, "sample")
        check_unique(self.sites, "site")
        if odd := next((site for site in self.sites if not _SITE.fullmatch(site)), None):
            raise DataError(
                f"the site {odd!r} is not of the form chromosome:position:reference>alternate, such as 22:16051497:A>G."
            )

    def _checked(self, given: NDArray[Any]) -> NDArray[np.int8]:
        """Return the calls as int8, after a look at each of them."""
        if given.ndim != 3 or given.shape[1] not in (1, 2) or given.shape[::2] != (len(self.samples), len(self.sites)):
            raise DataError(
                f"the calls have shape {given.shape}, and there are {len(self.samples)} sample names and "
                f"{len(self.sites)} sites. Expected people x 2 haplotypes x sites, or people x 1 x sites for genotypes."
            )
        highest = 1 if given.shape[1] == 2 else 2
        whole = given.dtype.kind in "iub" and given.size > 0
        if not (whole and given.min() >= MISSING and given.max() <= highest):
            self._refuse_strange(given, highest)
        frozen = given.dtype == np.int8 and given.flags.c_contiguous
        calls = given if frozen and not given.flags.writeable else np.array(given, dtype=np.int8, order="C")
        calls.setflags(write=False)
        return calls

    def _refuse_strange(self, given: NDArray[Any], highest: int) -> None:
        """Raise a `DataError` that names the first call that is none."""
        block = max(1, _MANY // max(1, given.shape[1] * given.shape[2]))
        for start in range(0, len(given), block):  # a mask of everything would be as large as the calls
            part = given[start : start + block]
            fine = (part == MISSING) | ((part >= 0) & (part <= highest) & (part == np.rint(part)))
            if not fine.all():
                person, copy, site = (int(i) for i in np.argwhere(~fine)[0])
                raise DataError(
                    f"sample {self.samples[start + person]!r} has the call {part[person, copy, site]} at site "
                    f"{self.sites[site]!r}; expected {'0 or 1' if highest == 1 else '0, 1 or 2'}, or -1 where no call "
                    "was made."
                )

    def __len__(self) -> int:
        return len(self.samples)

    # -- what is at the sites ------------------------------------------------------------------------------------------

    @property
    def phased(self) -> bool:
        """Whether the two haplotypes of a person are told apart."""
        return bool(self.calls.shape[1] == 2)

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self.sites)

    @property
    def n_missing(self) -> int:
        """Number of calls that were not made."""
        return int(np.count_nonzero(self.calls == MISSING))

    @functools.cached_property
    def genotypes(self) -> NDArray[np.int8]:
        """(n_people, n_sites) numbers of alternate alleles; -1 where an allele is missing."""
        if not self.phased:
            return self.calls[:, 0]
        counts: NDArray[np.int8] = self.calls.sum(axis=1, dtype=np.int8)
        counts[(self.calls == MISSING).any(axis=1)] = MISSING
        counts.setflags(write=False)
        return counts

    @property
    def haplotypes(self) -> NDArray[np.int8]:
        """(2 * n_people, n_sites) the haplotypes, two rows a person; raises `DataError` for genotypes."""
        if not self.phased:
            raise DataError("the phase of these genotypes is not known, so there are no haplotypes; phase them first.")
        return self.calls.reshape(2 * len(self), self.n_sites)

    @functools.cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """(n_sites,) frequency of the alternate allele among the alleles that were called; NaN where none was."""
        alleles = np.zeros(self.n_sites)
        called = np.zeros(self.n_sites)
        for person in self.calls:  # (copies, n_sites): nothing as large as the calls is made
            known = person != MISSING
            alleles += np.where(known, person, 0).sum(axis=0)
            called += known.sum(axis=0) * (1 if self.phased else 2)
        found: NDArray[np.float64] = np.divide(alleles, called, out=np.full(self.n_sites, np.nan), where=called > 0)
        return found

    @functools.cached_property
    def _parts(self) -> tuple[tuple[str, int, str, str], ...]:
        found = (cast("re.Match[str]", _SITE.fullmatch(site)) for site in self.sites)
        return tuple((m["chrom"], int(m["pos"]), m["ref"], m["alt"]) for m in found)

    @property
    def chromosomes(self) -> NDArray[np.str_]:
        """(n_sites,) the chromosome of each site."""
        return np.array([part[0] for part in self._parts], dtype=np.str_)

    @property
    def positions(self) -> NDArray[np.int64]:
        """(n_sites,) the position of each site on its chromosome, from 1."""
        return np.array([part[1] for part in self._parts], dtype=np.int64)

    @property
    def alleles(self) -> tuple[tuple[str, str], ...]:
        """The reference and the alternate allele of each site."""
        return tuple(part[2:] for part in self._parts)

    # -- the contract of records ---------------------------------------------------------------------------------------

    @functools.cached_property
    def X(self) -> NDArray[np.float32]:  # noqa: N802 - the name of a matrix in this field
        """The flat view: (n_people, 2 * n_sites) float32 for haplotypes, (n_people, n_sites) for genotypes."""
        flat = self.calls.reshape(len(self), -1).astype(np.float32)
        flat.setflags(write=False)
        return flat

    @functools.cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the columns of the flat view: ``<site>|1`` and ``<site>|2``, or the sites of genotypes."""
        if not self.phased:
            return self.sites
        return tuple(f"{site}|{haplotype}" for haplotype in (1, 2) for site in self.sites)

    @property
    def genes(self) -> tuple[str, ...]:
        """The features, for plugins that only need a matrix and know its columns by this name."""
        return self.features

    @property
    def n_genes(self) -> int:
        """Number of features of the flat view."""
        return int(self.calls.shape[1]) * self.n_sites

    def take(self, rows: ArrayLike) -> Variants:
        """Return the people of the given rows (indices or mask), in that order."""
        index = row_numbers(rows)
        calls = self.calls[index]
        calls.setflags(write=False)  # nobody else has it, so it need not be copied again
        return replace(
            self,
            calls=calls,
            y=cast("NDArray[np.str_]", self.y[index] if self.has_labels else None),
            samples=tuple(self.samples[i] for i in index),
            donors=None if self.donors is None else self.donors[index],
        )

    def at_sites(self, sites: ArrayLike) -> Variants:
        """Return the same people at some of the sites (indices or mask), in that order."""
        index = row_numbers(sites)
        names = tuple(self.sites[i] for i in index)
        y = cast("NDArray[np.str_]", self._labels()["y"])
        return replace(self, calls=self.calls[:, :, index], sites=names, y=y)

    def renamed(self, samples: tuple[str, ...]) -> Variants:
        """Return the same calls under other sample names."""
        return replace(self, samples=samples, y=cast("NDArray[np.str_]", self._labels()["y"]))

    def synthetic(self, X: ArrayLike, y: ArrayLike | None) -> Variants:
        """Return synthetic people at these sites, with new names.

        Parameters
        ----------
        X : (n, n_features), or of the shape of calls; what is no whole number is rounded, and what lies outside the
            range of a call is cut to it, since no file can hold it. Exactly -1 is a missing call
        y : (n,) class labels; None if there are none

        Raises
        ------
        DataError
            If a value is not finite, or the shape does not fit.
        """
        values = np.asarray(real(X, "the synthetic calls", DataError))
        copies = self.calls.shape[1]
        if values.shape not in ((len(values), copies * self.n_sites), (len(values), copies, self.n_sites)):
            raise DataError(
                f"the synthetic calls have shape {values.shape}; expected (n, {copies * self.n_sites}), or "
                f"(n, {copies}, {self.n_sites})."
            )
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError("a synthetic call is not finite; expected a number everywhere, or -1 for a missing call.")
        missing = values == MISSING
        calls = np.rint(np.clip(values, 0, 3 - copies)).astype(np.int8)
        calls[missing] = MISSING
        labels = cast("NDArray[np.str_]", y)  # made text, or left out, by the variants
        shaped = calls.reshape(len(values), copies, self.n_sites)
        return Variants(
            calls=shaped, y=labels, sites=self.sites, samples=synthetic_names(len(values)), build=self.build
        )

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of everything in the variants, as 64 hex digits."""
        h = hashlib.sha256(f"variants\0{self.build}\0{self.calls.shape}\0".encode())
        h.update(self.calls.data)
        columns = {**self._labels(), "donors": self.donors, "sites": self.sites, "samples": self.samples}
        for name, values in columns.items():
            h.update("\0".join([f"\1{name}", *([] if values is None else map(str, values))]).encode())
        return h.hexdigest()


def as_variants(records: object) -> Variants:
    """Return records as the variants that they are.

    Raises
    ------
    DataError
        If they are of another modality.
    """
    if not isinstance(records, Variants):
        raise DataError(f"the data are {getattr(records, 'modality', type(records).__name__)}; expected variants.")
    return records
