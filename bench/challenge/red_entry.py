"""Attack entries of the challenge: scores for every person of the cohort, on each anonymous release.

Packing runs one attack of the registry on what is public and nothing else. Reading takes the predictions as data from
strangers: the code beside them is never opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.boundary.views import view_of_round
from bench.challenge.archive import Archive, RefusedError, environment_yaml, opened, shown, write_zip
from bench.challenge.blue_entry import (
    CONFIG,
    ENVIRONMENT,
    FOREIGN,
    bounded_line,
    code_of,
    common_folder,
    team_and_dataset,
)
from bench.challenge.red_round import Announcement, read_release
from bench.challenge.tables import read_scores
from bench.core.errors import BenchError, DataError, PluginError
from bench.core.roles import GRANTS, Access, Attack
from bench.core.seeds import stream
from bench.datasets import Dataset, dataset_names, load_dataset
from bench.datasets.safe_yaml import parse_plain, yaml_text
from bench.registry.finding import create
from bench.registry.selection import Choice

CODE, COLUMN = "red_team.py", "membership_label"
RELEASES = 3  # that the rules have
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,=\[\]-]{0,59}")
_NAME_WORDS = "letters, digits and '_.,=[]-', at most 60"
_TEXT_BYTES = 1 << 16


@dataclass(frozen=True, eq=False)
class AttackEntry:
    """A checked entry: whose it is, the attack's name, a score of every candidate for each release, and the round."""

    team: str
    dataset: Dataset
    attack: str
    scores: tuple[NDArray[np.float64], ...]
    round: str | None  # the seal of the round that it says it was made for, if it says so

    @property
    def name(self) -> str:
        """Team and attack, as tables name the entry."""
        return f"{self.team}.{self.attack}"


def prediction_name(number: int) -> str:
    """Return the file name of the scores on a release, as the challenge has it."""
    return f"synthetic_data_{number}_predictions.csv"


# -- packing ---------------------------------------------------------------------------------------------------------


def dataset_of(found: Announcement) -> Dataset:
    """Return the real cohort of a round.

    Raises
    ------
    DataError
        If the cohort on this machine is not the one that the round was made on.
    """
    names = {code_of(name): name for name in dataset_names()}
    if found.dataset not in names:
        raise DataError(f"the round is about {found.dataset!r}, which is not here; `bench data list` shows what is.")
    dataset = load_dataset(names[found.dataset]).same_in_all_folds()
    if dataset.digest != found.data_digest:
        raise DataError(
            f"the round was made on other data than {dataset.label_name!r} on this machine (digest "
            f"{found.data_digest[:12]}, here {dataset.digest[:12]}). Use the same release of the cohort."
        )
    return dataset


def attack_round(choice: Choice, found: Announcement, dataset: Dataset) -> Iterator[NDArray[np.float64]]:
    """Yield the (n,) finite scores of one attack on each release of a round, in the order of the real cohort.

    Raises
    ------
    PluginError
        If the attack needs more than the round gives, its label is no name for an entry, or it returns no score for
        each candidate.
    """
    if not _NAME.fullmatch(choice.label):
        raise PluginError(
            f"the attack {choice.label!r} cannot name an entry; expected {_NAME_WORDS}. Make its hyper-parameters the "
            "defaults of a plugin of your own and give that one."
        )
    access: Access = choice.info.option("access", "black-box")
    if "make_generator" in GRANTS[access] or ("reference" in GRANTS[access] and dataset.reference is None):
        raise PluginError(
            f"the attack {choice.info.name!r} needs {access}; a round gives releases without labels"
            f"{' and a reference set' if dataset.reference is not None else ', and this cohort has no reference set'}."
        )
    for number, name in enumerate(found.files, start=1):
        release = read_release(found.folder / name, dataset.cohort.genes)
        view = view_of_round(release, dataset.cohort, dataset.reference, access)
        plugin: Attack = create(choice.info, choice.params)
        rng = stream(0, "round", found.key_sha256, number, choice.info.name)
        scores = np.asarray(plugin.score(view, rng=rng), dtype=np.float64)
        if scores.shape != (len(dataset.cohort),) or np.isnan(scores).any() or np.isposinf(scores).any():
            raise PluginError(f"the attack {choice.info.name!r} did not give a number for each candidate.")
        yield _finite(scores)


def _finite(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores with minus infinity, "surely no member", just below all others: tables hold finite numbers."""
    known = scores[np.isfinite(scores)]
    lowest = float(known.min()) if len(known) else 0.0
    return np.where(np.isneginf(scores), np.nextafter(lowest, -np.inf), scores)


def write_entry(path: Path, choice: Choice, found: Announcement, scores: list[NDArray[np.float64]]) -> None:
    """Write the zip file of an attack entry."""
    members = {
        CONFIG: _config(choice, found),
        ENVIRONMENT: environment_yaml("red-team"),
        CODE: choice.info.path.read_text(encoding="utf-8"),
        **{prediction_name(i): _table(column) for i, column in enumerate(scores, start=1)},
    }
    write_zip(path, members)


def _table(scores: NDArray[np.float64]) -> str:
    return "\n".join([COLUMN, *map(repr, scores.tolist())]) + "\n"


def _config(choice: Choice, found: Announcement) -> str:
    content = {
        "dataset_config": {"name": found.dataset, "membership_label_col": COLUMN},
        "attack_model": choice.label,
        f"{choice.label}_config": {"params": dict(choice.params), "round": found.key_sha256},
    }
    return yaml_text(content)


# -- reading ---------------------------------------------------------------------------------------------------------


def read_attack_entry(path: Path, n_releases: int = RELEASES) -> AttackEntry:
    """Return the attack entry in a zip file, fully checked; nothing in it is run, unpacked or believed.

    Raises
    ------
    RefusedError
        If anything is wrong; its `problems` say what, one line each.
    """
    team, name = team_and_dataset(path, "red")
    dataset = load_dataset(name).same_in_all_folds()
    try:
        with opened(path) as archive:
            return _read(archive, team, dataset, n_releases)
    except RefusedError:
        raise
    except BenchError as error:
        raise RefusedError([bounded_line(str(error))]) from error


def _read(archive: Archive, team: str, dataset: Dataset, n_releases: int) -> AttackEntry:
    names = [name for name in archive.names if not FOREIGN.match(name)]
    top = common_folder(names)
    tables = [prediction_name(number) for number in range(1, n_releases + 1)]
    problems = list(_names([name.removeprefix(top) for name in names], tables))
    if problems:
        raise RefusedError(problems)
    scores: list[NDArray[np.float64]] = []
    attack, sealed = "", None
    for table in tables:
        try:
            scores.append(read_scores(archive, top + table, COLUMN, len(dataset.cohort)))
        except DataError as error:
            problems.append(bounded_line(str(error)))
    try:
        content = parse_plain(archive.text(top + CONFIG, _TEXT_BYTES), CONFIG)
        attack = _attack_name(content, code_of(dataset.name))
        own = content.get(f"{attack}_config")
        sealed = own.get("round") if isinstance(own, dict) else None
        parse_plain(archive.text(top + ENVIRONMENT, _TEXT_BYTES), ENVIRONMENT)
    except DataError as error:
        problems.append(bounded_line(str(error)))
    if problems:
        raise RefusedError(problems)
    return AttackEntry(team, dataset, attack, tuple(scores), sealed if isinstance(sealed, str) else None)


def _names(held: list[str], tables: list[str]) -> Iterator[str]:
    wanted = [*tables, CONFIG, ENVIRONMENT, CODE]
    yield from (f"{name} is missing." for name in wanted if name not in held)
    for name in held:
        if name not in wanted and "/" not in name and PurePosixPath(name).suffix != ".py":
            yield f"{shown(name)} has no place in an attack entry; expected {', '.join(wanted)} and .py files."


def _attack_name(content: Any, code: str) -> str:
    name = content.get("attack_model") if isinstance(content, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        text = shown(name) if isinstance(name, str) else "no text"
        raise DataError(f"{CONFIG}: attack_model is {text}; expected {_NAME_WORDS}.")
    part = content.get("dataset_config")
    expected = {"name": code, "membership_label_col": COLUMN}
    for key, value in expected.items():
        found = part.get(key) if isinstance(part, dict) else None
        if found != value:
            raise DataError(f"{CONFIG}: dataset_config has {key} {shown(str(found))}; expected {value!r}.")
    return name
