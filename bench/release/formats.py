"""The files of a release: rows, variants, images or a model, in the formats that were asked for, and what they hold."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.cohort import Cohort, as_expression
from bench.core.cohort_file import write_npz
from bench.core.errors import BenchError, MissingExtraError
from bench.core.images import Images
from bench.core.records import Modality, Records
from bench.core.released import Release, ReleasedModel
from bench.core.variants import Variants, as_variants
from bench.datasets.readers.variant_export import write_vcf
from bench.registry.declarations import PluginInfo
from bench.registry.sources import distributions_of

DATA, MODEL = "synthetic", "model"  # what the files of a release are called, before the dot
_BRIGHTEST = 255  # of an image of 8 bits
Writer = Callable[[Path, str, Any, str], None]  # folder, format, what is released, label


def _table(cohort: Cohort, label: str) -> Any:
    frame = cohort.to_frame(label)
    return frame.rename_axis("sample").reset_index()


def _write_text(folder: Path, name: str, records: Records, label: str) -> None:
    separator = "\t" if name == "tsv" else ","
    table = _table(as_expression(records), label)
    table.to_csv(folder / f"{DATA}.{name}", index=False, sep=separator, lineterminator="\n")


def _write_parquet(folder: Path, name: str, records: Records, label: str) -> None:
    _table(as_expression(records), label).to_parquet(folder / f"{DATA}.{name}", index=False)


def _write_h5ad(folder: Path, name: str, records: Records, label: str) -> None:
    as_expression(records).to_anndata(label).write_h5ad(folder / f"{DATA}.{name}")


def _write_variants(folder: Path, name: str, records: Records, label: str) -> None:
    """Write calls, and beside them the labels, for which VCF has no place."""
    write_vcf(
        folder / f"{DATA}.{name}", as_variants(records), source="synthetic people, of nobody; see certificate.json"
    )
    with (folder / f"{DATA}.labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["sample", label])
        table.writerows(zip(records.samples, map(str, records.y), strict=True))


def _write_images(folder: Path, name: str, records: Records, label: str) -> None:
    """Write pixels of 8 bits and labels, as arrays that `bench data import --images` and NumPy read."""
    assert isinstance(records, Images)
    bright = records.pixels if records.pixels.dtype == np.uint8 else np.rint(records.pixels * _BRIGHTEST)
    np.savez_compressed(folder / f"{DATA}.{name}", images=bright.astype(np.uint8), labels=records.y)


def _write_model(folder: Path, name: str, model: ReleasedModel, label: str) -> None:
    write_npz(folder / f"{MODEL}.{name}", model)


WRITERS: Mapping[str, Mapping[str, Writer]] = {  # of each kind of release; the first format is the usual one
    "expression": {"csv": _write_text, "tsv": _write_text, "parquet": _write_parquet, "h5ad": _write_h5ad},
    "variants": {"vcf.gz": _write_variants, "vcf": _write_variants, "bcf": _write_variants},
    "images": {"npz": _write_images},
    "model": {"npz": _write_model},
}
_NEEDS = {"h5ad": ("anndata", "h5ad"), "vcf.gz": ("pysam", "variants"), "bcf": ("pysam", "variants")}


def formats_in(text: str, kind: str) -> list[str]:
    """Return the formats that a text such as ``"csv,parquet"`` names; the usual one of its kind for an empty text.

    Parameters
    ----------
    kind : ``"model"``, or the modality of released data

    Raises
    ------
    BenchError
        If one is not known for this kind, or a library for it is not installed: said before anything is trained.
    """
    known = WRITERS[kind]
    names = list(dict.fromkeys(name.strip() for name in text.split(","))) if text else [next(iter(known))]
    if wrong := [name for name in names if name not in known]:
        raise BenchError(f"--formats {wrong[0]!r} is not known of {kind}; expected some of {', '.join(known)}.")
    for name in names:
        package, extra = _NEEDS.get(name, ("", ""))
        if package and not distributions_of(package):
            raise MissingExtraError(f"writing {name}", package, extra)
    return names


def write_data(folder: Path, released: Release, label: str, formats: Sequence[str]) -> None:
    """Write a release into a folder: ``synthetic.<format>`` with the data, or ``model.npz``."""
    writers = WRITERS[kind_of(released)]
    for name in formats:
        writers[name](folder, name, released, label)


def kind_of(released: Release) -> str:
    """Return what a release is for its files: ``"model"``, or the modality of its data."""
    return MODEL if isinstance(released, ReleasedModel) else released.modality


def is_data(path: Path) -> bool:
    """Return whether a file of a release holds what was released, and is not about it."""
    return path.name.partition(".")[0] in (DATA, MODEL)


def in_words(released: Release, people: Records) -> str:
    """Return in a line what was released; of a model, by the people whom it can be asked about."""
    if isinstance(released, ReleasedModel):
        about = f"{len(released.features)} features ({people.modality}, {people.units})"
        return f"A classifier of {len(released.classes)} classes by {about}; {released.n_parameters:,} numbers"
    return f"{len(released)} synthetic rows x {released.n_genes} features ({released.modality}, {released.units})"


def dictionary(
    released: Release, people: Records, label: str, declared: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Return what the columns or arrays of the files are, for the card and for machine-readable metadata.

    Parameters
    ----------
    declared : the share of each class, where somebody declared them
    """
    if isinstance(released, ReleasedModel):
        arrays = {
            name: f"{values.dtype}, {' x '.join(map(str, values.shape)) or 'one number'}"
            for name, values in released.arrays.items()
        }
        asked = {"what": people.modality, "units": people.units, "names": list(released.features)}
        return {label: {"what": "class label", "values": list(released.classes)}, "features": asked, "arrays": arrays}
    features = {"what": released.modality, "units": released.units, "names": _feature_names(released)}
    return {
        "sample": "name of a synthetic row; it stands for nobody",
        label: {
            "what": "class label, at rates that were declared" if declared else "class label",
            "values": [str(value) for value in released.classes],
        },
        "features": features,
    }


def _feature_names(records: Records) -> list[str]:
    """Return the names of the features: sites once, not for each haplotype; of pixels the size of an image."""
    if isinstance(records, Variants):
        return list(records.sites)
    if isinstance(records, Images):
        return [" x ".join(map(str, records.shape)) + " (height, width, channels)"]
    return list(records.features)


def kind_in(info: PluginInfo, modality: Modality) -> str:
    """Return of which kind the release of a generator will be: ``"model"``, or the modality of the people."""
    return MODEL if info.released == "model" else modality
