"""Says whether the data of a dataset are still those that were imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import DataError
from bench.core.files import sha256
from bench.datasets import load_dataset, where_is
from bench.datasets.home import SourceFile, data_home, read_stored


@dataclass(frozen=True)
class Finding:
    """What the check of one part found."""

    what: str
    ok: bool
    detail: str


def verify(name: str) -> list[Finding]:
    """Return one finding per part: the cohort against its digest, each source file against its SHA-256.

    A source file that is no longer there is no failure: the imported form does not need it.
    """
    if where_is(name) != "imported":
        dataset = load_dataset(name)  # whatever is wrong with it is raised here
        return [Finding("cohort", True, f"readable, digest {dataset.digest}; not imported, so nothing to compare with")]
    home = data_home()
    try:
        manifest, cohort, reference = read_stored(home, name)
    except DataError as error:
        return [Finding("cohort", False, str(error))]
    findings = [Finding("cohort", True, f"digest {cohort.digest}")]
    if reference is not None:
        findings.append(Finding("reference", True, f"digest {reference.digest}"))
    return findings + [_source(file) for file in manifest.files]


def _source(file: SourceFile) -> Finding:
    path = Path(file.path)
    what = f"{file.role} file"
    if not path.is_file():
        return Finding(what, True, f"{path} is no longer there; the imported form does not need it")
    if (found := sha256(path)) == file.sha256:
        return Finding(what, True, f"{path}, SHA-256 {found}")
    return Finding(
        what,
        False,
        f"{path} has SHA-256 {found[:12]}, but had {file.sha256[:12]} at import. Import it again if it is newer.",
    )
