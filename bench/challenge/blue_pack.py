"""Writes a blue-team submission: runs one generator on the team's own folds and packs what the rules ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.challenge.archive import environment_yaml, write_zip
from bench.challenge.blue_config import WITHHELD, check_seed
from bench.challenge.blue_entry import CODE, CONFIG, ENVIRONMENT, code_of, table_names
from bench.challenge.blue_team import frames
from bench.core.cohort import Cohort, as_expression
from bench.core.errors import BenchError, PluginError
from bench.core.released import as_data
from bench.datasets import Dataset
from bench.datasets.folds import make_splits, splits_yaml
from bench.datasets.known.catalogue import CATALOGUE
from bench.datasets.safe_yaml import yaml_text
from bench.engine.plan import PlannedCell, Scope, plan_generators
from bench.registry.declarations import PluginInfo
from bench.registry.finding import create
from bench.registry.selection import Choice
from bench.store.store import Store

_ADAPTER = """

# -- the challenge's interface: BLUE_TEAM(config, split) trains and samples one fold ---------------------------------

import functools  # noqa: E402

from bench.challenge.blue_team import BlueTeam  # noqa: E402

BLUE_TEAM = functools.partial(BlueTeam, {cls})
"""


@dataclass(frozen=True, eq=False)
class Entry:
    """What is to be packed: a team's generator, on a dataset, with the team's seed.

    Parameters
    ----------
    team, choice, dataset, seed : as the team names them
    secret : the seed that the releases are drawn with, where they are private: with it their noise could be subtracted,
        so that it is written nowhere. None: that of the team, for everybody to repeat
    """

    team: str
    choice: Choice
    dataset: Dataset
    seed: int
    secret: int | None = field(default=None, repr=False)


def may_claim(choice: Choice) -> bool:
    """Return whether a generator can claim privacy; whether it does, only a fitted one says."""
    return callable(getattr(create(choice.info, choice.params), "claim", None))


def claims_privacy(store: Store, plan: list[PlannedCell]) -> bool:
    """Return whether one of the releases that were made comes with a claim."""
    bodies = [store.read(planned.cell.sample_key) for planned in plan]
    return any(body is not None and body["claim"] is not None for body in bodies)


def plan_entry(entry: Entry, store: Store) -> tuple[Scope, list[PlannedCell]]:
    """Return the cells that make the five synthetic cohorts of an entry, and nothing else.

    Raises
    ------
    BenchError
        If the rules forbid the seed, or the generator is a control, which may hand out real people.
    """
    check_seed(entry.seed)
    if entry.choice.info.is_control:
        raise PluginError(
            f"{entry.choice.info.name!r} is a control: it only brackets tables and may hand out real samples as they "
            "are. Pack a generator."
        )
    if entry.choice.info.path.suffix != ".py":
        raise PluginError(f"{entry.choice.info.name!r} is made of commands; an entry needs the code of a Python class.")
    dataset = entry.dataset
    splits = make_splits(dataset.cohort, seed=entry.seed, reference=dataset.reference)
    if entry.secret is not None:
        splits = [replace(split, seed=entry.secret) for split in splits]
    scope = Scope(dataset, splits, store)
    return scope, plan_generators(scope, [entry.choice], [], [])


def write_submission(path: Path, entry: Entry, scope: Scope, plan: list[PlannedCell]) -> None:
    """Write the zip file of an entry whose synthetic cohorts are in the store.

    Raises
    ------
    BenchError
        If one of them is not there, or the file cannot be written.
    """
    write_zip(path, dict(_members(entry, scope, plan)))


def _members(entry: Entry, scope: Scope, plan: list[PlannedCell]) -> Iterator[tuple[str, str]]:
    for planned in plan:
        synthetic = scope.store.read_sample(planned.cell.sample_key)
        if synthetic is None:
            raise BenchError(f"fold {planned.cell.fold} has no synthetic sample in the store; run the command again.")
        yield from zip(
            table_names(planned.cell.fold), _tables(as_expression(as_data(synthetic)), entry.dataset.label), strict=True
        )
    yield f"{code_of(entry.dataset.name)}_splits.yaml", splits_yaml(scope.splits)
    yield CONFIG, yaml_text(_config(entry))
    yield ENVIRONMENT, environment_yaml("blue-team")
    yield CODE, _code(entry.choice.info)


def _tables(synthetic: Cohort, label: str) -> tuple[str, str]:
    X, y = frames(synthetic, label)
    return X.to_csv(index=False, lineterminator="\n"), y.to_csv(index=False, lineterminator="\n")


def _config(entry: Entry) -> dict[str, Any]:
    name, dataset = entry.choice.info.name, entry.dataset
    code = code_of(dataset.name)
    kinds = "subtypes" if dataset.label == "Subtype" else "types"
    genes = "star_deseq_VST_lmgenes" if dataset.name in CATALOGUE else dataset.cohort.units
    return {
        "dir_list": {
            "home": ".",
            "meta": "meta",
            "processed_data": "processed_data",
            "data_save_dir": "data_splits",
            "split_save_dir": "splits",
        },
        "dataset_config": {
            "name": code,
            "count_file": f"{code}_primary_tumor_{genes}.tsv",
            "annot_file": f"{code}_primary_tumor_{kinds}.csv",
            "sample_col_name": "samplesID",
            "subtype_col_name": dataset.label,
            "num_splits": len(make_splits(dataset.cohort, seed=entry.seed)),
            "random_seed": entry.seed,
        },
        "generator_name": name,
        "generate": True,
        "train": True,
        "load_from_checkpoint": False,
        f"{name}_config": {
            "random_seed": entry.seed if entry.secret is None else WITHHELD,
            "stream": dataset.label_name,  # part of what the seed means, beside fold and name
            "units": dataset.cohort.units,
            "params": dict(entry.choice.params),
        },
    }


def _code(info: PluginInfo) -> str:
    """Return the source of a generator, its helpers imported from the installed package, behind the interface."""
    package = info.module.rpartition(".")[0]
    source = info.path.read_text(encoding="utf-8")
    if package:
        source = re.sub(r"^(\s*)from \.(\w+) import", rf"\1from {package}.\2 import", source, flags=re.MULTILINE)
    names = re.findall(r"^class (\w+)", source.partition("@generator(")[2], flags=re.MULTILINE)
    return source + _ADAPTER.format(cls=names[0])
