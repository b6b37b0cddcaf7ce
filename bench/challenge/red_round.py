"""Makes a round for red teams: anonymous releases for everybody, and a sealed key that says who was in each.

Membership is drawn from 256 secret bits, for each release anew: a seed that could be guessed would give everybody away,
and a team could try all seeds of 32 bits. What is public commits to the key by its SHA-256, so that the organiser
cannot change it once predictions are in.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.challenge.archive import shown
from bench.challenge.blue_entry import bounded_line, code_of
from bench.challenge.blue_team import frames
from bench.core.cohort import Cohort, as_expression
from bench.core.errors import BenchError, DataError, PluginError
from bench.core.released import as_data
from bench.core.roles import Split
from bench.core.seeds import stream
from bench.datasets import Dataset
from bench.datasets.safe_yaml import parse_plain, yaml_text
from bench.engine.plan import PlannedCell, Scope, plan_generators
from bench.registry.selection import Choice
from bench.store.store import Store, write_atomic

ANNOUNCEMENT, KEY = "challenge.yaml", "challenge_key.json"
FORMAT = 1
_HELD_OUT = 5  # one person in five, as in the folds
_LONGEST = 1 << 16  # bytes of an announcement


@dataclass(frozen=True, eq=False)
class Release:
    """One anonymous release: its number, what made it, and who it was made from (the secret)."""

    number: int
    generator: str
    member: NDArray[np.bool_]  # (n,) in the order of the real cohort


@dataclass(frozen=True, eq=False)
class Key:
    """What only the organiser holds: the dataset and the truth about each release."""

    dataset: str
    data_digest: str
    releases: tuple[Release, ...]
    sha256: str


@dataclass(frozen=True, eq=False)
class Announcement:
    """What everybody may read: the dataset, how many candidates and releases there are, and the seal of the key."""

    folder: Path
    dataset: str
    data_digest: str
    candidates: int
    files: dict[str, str]  # SHA-256 of each release, by file name
    key_sha256: str


def data_name(number: int) -> str:
    """Return the file name of a release, as the challenge has it."""
    return f"synthetic_data_{number}.csv"


def draw_members(cohort: Cohort, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return who of a cohort trains a release: four in five of each class, samples of one donor together.

    Raises
    ------
    DataError
        If a class has fewer than two donors, so that it cannot be on both sides.
    """
    people = np.asarray(cohort.samples if cohort.donors is None else cohort.donors)
    names, first = np.unique(people, return_index=True)
    out: set[str] = set()
    for label in cohort.classes:
        group = rng.permutation(names[cohort.y[first] == label])
        if len(group) < 2:
            raise DataError(
                f"class {str(label)!r} has {len(group)} people; a round needs two, one to train on and one not."
            )
        out |= set(group[: max(1, round(len(group) / _HELD_OUT))].tolist())
    member: NDArray[np.bool_] = ~np.isin(people, sorted(out))
    return member


def plan_round(
    dataset: Dataset, choices: Sequence[Choice], secret: int, store: Store
) -> tuple[list[PlannedCell], tuple[Release, ...]]:
    """Return the cells that make the releases of a round, and the truth about them, in a secret order.

    Raises
    ------
    PluginError
        If a generator is a control, which may hand out real people as they are.
    """
    if control := next((c for c in choices if c.info.is_control), None):
        raise PluginError(f"{control.info.name!r} is a control and may hand out real samples; name generators only.")
    rng = stream(secret, "round", dataset.name)
    cells, releases = [], []
    for number, place in enumerate(rng.permutation(len(choices)), start=1):
        member = draw_members(dataset.expression, rng)
        split = Split(dataset.cohort.take(member), dataset.cohort.take(~member), number, secret, dataset.reference)
        cells += plan_generators(Scope(dataset, [split], store), [choices[place]], [], [])
        releases.append(Release(number, choices[place].label, member))
    return cells, tuple(releases)


def write_round(
    folder: Path, dataset: Dataset, cells: Sequence[PlannedCell], releases: Sequence[Release], store: Store
) -> None:
    """Write ``public/`` and ``private/`` of a round whose releases are in the store.

    Raises
    ------
    BenchError
        If a release is not in the store.
    StoreError
        If a file cannot be written.
    """
    public, private = folder / "public", folder / "private"
    files = {}
    for planned, release in zip(cells, releases, strict=True):
        synthetic = store.read_sample(planned.cell.sample_key)
        if synthetic is None:
            raise BenchError(f"release {release.number} is not in the store; run the command again.")
        text = _shuffled(as_expression(as_data(synthetic))).encode()
        write_atomic(public / data_name(release.number), lambda file, text=text: file.write(text))  # type: ignore[misc]
        files[data_name(release.number)] = hashlib.sha256(text).hexdigest()
    key = _key_text(dataset, releases).encode()
    write_atomic(private / KEY, lambda file: file.write(key))
    (private / KEY).chmod(0o600)
    announcement = {
        "format": FORMAT,
        "dataset": code_of(dataset.name),
        "data_digest": dataset.digest,
        "candidates": len(dataset.cohort),
        "releases": files,
        "key_sha256": hashlib.sha256(key).hexdigest(),
    }
    if dataset.simulated:
        announcement["simulated"] = "a stand-in of the same shape: no real people are in this round"
    write_atomic(public / ANNOUNCEMENT, lambda file: file.write(yaml_text(announcement).encode()))


def _shuffled(synthetic: Cohort) -> str:
    """Return a release as CSV without labels; its order, which may go by class, is lost."""
    order = np.random.default_rng(secrets.randbits(128)).permutation(len(synthetic))
    text: str = frames(synthetic, "label")[0].iloc[order].to_csv(index=False, lineterminator="\n")
    return text


def _key_text(dataset: Dataset, releases: Sequence[Release]) -> str:
    held = [
        {"file": data_name(r.number), "generator": r.generator, "members": "".join("01"[int(m)] for m in r.member)}
        for r in releases
    ]
    content = {"format": FORMAT, "dataset": dataset.name, "data_digest": dataset.digest, "releases": held}
    # the nonce keeps anybody from testing a guess of the key against its SHA-256
    return json.dumps({**content, "nonce": secrets.token_hex(32)}, indent=1)


def read_announcement(folder: Path) -> Announcement:
    """Return what the public folder of a round says.

    Raises
    ------
    DataError
        If it is no such folder, or a release is missing or is not the one that was announced.
    """
    path = folder / ANNOUNCEMENT
    if not path.is_file():
        raise DataError(f"{folder} holds no {ANNOUNCEMENT}; expected the public folder of a round.")
    with path.open("rb") as file:
        content = parse_plain(file.read(_LONGEST).decode("utf-8", "replace"), ANNOUNCEMENT)
    try:
        files = {str(name): str(digest) for name, digest in dict(content["releases"]).items()}
        name, digest, seal = (str(content[part]) for part in ("dataset", "data_digest", "key_sha256"))
        found = Announcement(folder, name, digest, int(content["candidates"]), files, seal)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} cannot be used ({bounded_line(repr(error))}); expected what `bench submit challenge` writes."
        ) from error
    if not files:
        raise DataError(f"{path} announces no release; expected what `bench submit challenge` writes.")
    for number, name in enumerate(files, start=1):
        if name != data_name(number) or not (folder / name).is_file():
            raise DataError(f"{path} announces {shown(name)}; expected {data_name(number)}, and the file beside it.")
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != files[name]:
            raise DataError(f"{folder / name} is not the file that was announced: its SHA-256 differs. Fetch it again.")
    return found


def read_release(path: Path, genes: Sequence[str]) -> NDArray[np.float32]:
    """Return the (n, n_genes) numbers of a release, genes in the order of the real cohort.

    Raises
    ------
    DataError
        If a gene is missing, a cell is no finite number, or there are no rows.
    """
    try:
        X: NDArray[np.float32] = pd.read_csv(path)[list(genes)].to_numpy(dtype=np.float32)
    except (KeyError, ValueError):
        X = np.empty((0, len(genes)), dtype=np.float32)
    if not len(X) or not np.isfinite(X).all():
        raise DataError(f"{path} is no release of this cohort; expected rows with a finite number for each gene.")
    return X


def read_key(path: Path) -> Key:
    """Return the key of a round.

    Raises
    ------
    DataError
        If the file is no key.
    """
    try:
        raw = path.read_bytes()
        content = json.loads(raw)
        releases = tuple(
            Release(i, str(r["generator"]), np.array([c == "1" for c in r["members"]], dtype=bool))
            for i, r in enumerate(content["releases"], start=1)
        )
        return Key(content["dataset"], content["data_digest"], releases, hashlib.sha256(raw).hexdigest())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read as the key of a round ({error}); expected the {KEY} of `bench submit challenge`."
        ) from error
