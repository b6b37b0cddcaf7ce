"""Finds the releases of one fold that a store holds, for pictures and for views that need the samples themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.errors import StoreError
from bench.core.records import Records
from bench.core.released import ReleasedModel
from bench.core.roles import Split
from bench.engine.plan import PlannedCell, Scope
from bench.registry.finding import plugins
from bench.store.rows import table_of_records

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Releases:
    """One fold and what generators released after training on it.

    Parameters
    ----------
    split : the fold; all releases are held against its training samples
    synthetic : by the generator's label, controls after the others
    controls : the labels that are controls
    dropped : the labels of those that were made and are no longer in the store
    """

    split: Split
    synthetic: dict[str, Records]
    controls: frozenset[str]
    dropped: tuple[str, ...] = ()

    def named(self) -> dict[str, Records]:
        """Return the releases by the name above their panel, which says so if it is a control."""
        return {name_of(label, self.controls): cohort for label, cohort in self.synthetic.items()}


def name_of(label: str, controls: Collection[str]) -> str:
    """Return the name above a panel."""
    return f"{label} (control)" if label in controls else label


def planned_releases(scope: Scope, plan: Sequence[PlannedCell]) -> Releases | None:
    """Return the first fold of a plan with every release of it in the store, also those that earlier runs made.

    None if the plan is empty or the store holds no release of that fold.
    """
    if not plan:
        return None
    seed, fold = plan[0].cell.seed, plan[0].cell.fold
    here = [planned for planned in plan if (planned.cell.seed, planned.cell.fold) == (seed, fold)]
    keys = {_label(p.cell.generator, p.params): p.cell.sample_key for p in here}
    return stored_releases(scope, seed, fold, recorded_keys(scope, seed, fold) | keys)


def stored_releases(scope: Scope, seed: int, fold: int, keys: Mapping[str, str]) -> Releases | None:
    """Return a fold with those of its releases that the store holds, or None if it holds none.

    Parameters
    ----------
    keys : of samples, by label

    Raises
    ------
    StoreError
        If the dataset has no such fold.
    """
    split = next((split for split in scope.splits if (split.seed, split.fold) == (seed, fold)), None)
    if split is None:
        raise StoreError(f"the rows are about fold {fold} of seed {seed}, which the dataset does not have.")
    controls = _controls(keys)
    ordered = sorted(keys, key=lambda label: (label in controls, label))
    found = {label: scope.store.read_sample(keys[label]) for label in ordered}
    samples = {label: r for label, r in found.items() if r is not None and not isinstance(r, ReleasedModel)}
    dropped = tuple(label for label in ordered if found[label] is None and scope.store.has(keys[label]))
    return Releases(split, samples, controls, dropped) if samples else None


def given_keys(plan: Sequence[PlannedCell]) -> dict[str, dict[str, str]]:
    """Return the keys of samples made elsewhere, by fold and label: a record needs them, for rows do not name them."""
    found: dict[str, dict[str, str]] = {}
    for planned in plan:
        cell = planned.cell
        if cell.maker is None:
            fold = found.setdefault(_fold_name(cell.seed, cell.fold), {})
            fold[_label(cell.generator, planned.params)] = cell.sample_key
    return found


def _fold_name(seed: int, fold: int) -> str:
    return f"fold {fold} of seed {seed}"


def keys_in(rows: pd.DataFrame, seed: int, fold: int) -> dict[str, str]:
    """Return the key of each sample of one fold that rows are about, by label."""
    r = rows[(rows["seed"] == seed) & (rows["fold"] == fold)]
    made = r[(r["measure"] == "n_synthetic") & (r["status"] == "ok")]
    return {_label(g, p): str(key) for g, p, key in zip(made["generator"], made["params"], made["key"], strict=True)}


def recorded_keys(scope: Scope, seed: int, fold: int) -> dict[str, str]:
    """Return the key of each sample of one fold that a recorded run made, or was given, of the same data."""
    keys: dict[str, str] = {}
    for record in scope.store.runs():
        if record["slug"] == scope.dataset.slug and record["about"]["data"]["digest"] == scope.dataset.digest:
            keys |= keys_in(table_of_records(record["rows"]), seed, fold)
            keys |= record["about"].get("given", {}).get(_fold_name(seed, fold), {})
    return keys


def _controls(labels: Collection[str]) -> frozenset[str]:
    known = plugins("generator")
    return frozenset(x for x in labels if (name := x.partition("[")[0]) in known and known[name].is_control)


def _label(generator: str, params: str) -> str:
    return f"{generator}[{params}]" if params else generator
