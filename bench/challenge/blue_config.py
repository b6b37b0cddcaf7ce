"""Checks the ``config.yaml`` of a submission: that it has the keys of the rules, one generator and one allowed seed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.challenge.archive import RefusedError, shown
from bench.core.errors import DataError
from bench.datasets.folds import N_FOLDS

CONFIG = "config.yaml"
WITHHELD = "secret"  # in place of the generator's seed: whoever has that can subtract the noise of a private release
FORBIDDEN_SEEDS: Mapping[int, str] = {
    41: "the example submissions are made with it",
    42: "it is for comparing with the baselines",
}
_TOP = ("dir_list", "dataset_config", "generator_name", "generate", "train", "load_from_checkpoint")
_FOLDERS = ("home", "meta", "processed_data", "data_save_dir", "split_save_dir")
_DATASET = ("name", "count_file", "annot_file", "sample_col_name", "subtype_col_name", "num_splits", "random_seed")
_GENERATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


@dataclass(frozen=True)
class Config:
    """What is needed of a ``config.yaml``: the generator's name and the seed of the folds.

    Parameters
    ----------
    generator, seed : as written
    secret : whether the releases have a seed of their own, which the team keeps to itself
    """

    generator: str
    seed: int
    secret: bool = False


def check_seed(seed: int) -> None:
    """Raise a `DataError` if the rules do not allow a seed.

    Raises
    ------
    DataError
        If it is reserved or no seed at all.
    """
    if reason := FORBIDDEN_SEEDS.get(seed):
        raise DataError(f"seed {seed} is not allowed: {reason}. Choose another, and keep it for all your entries.")
    if not 0 <= seed < 2**32:
        raise DataError(f"seed {seed} cannot make folds; expected a whole number from 0 to 4294967295.")


def read_config(content: Any, code: str, label: str) -> Config:
    """Return what is needed of a ``config.yaml``.

    Parameters
    ----------
    content : as `bench.datasets.safe_yaml.parse_plain` returns it
    code : what the challenge calls the dataset
    label : the label column

    Raises
    ------
    RefusedError
        If keys are missing, the dataset is another one, or the seeds differ or are not allowed.
    """
    if not isinstance(content, dict):
        raise RefusedError([f"{CONFIG} holds no keys; expected {', '.join(_TOP)} and GENERATOR_config."])
    problems = [*_missing(content), *_dataset(content.get("dataset_config"), code, label)]
    name = content.get("generator_name")
    if not isinstance(name, str) or not _GENERATOR.fullmatch(name):
        text = shown(name) if isinstance(name, str) else "no text"
        problems.append(f"{CONFIG}: generator_name is {text}; expected a name of letters, digits, '_', '.' and '-'.")
        raise RefusedError(problems)
    own = content.get(f"{name}_config")
    secret = isinstance(own, dict) and own.get("random_seed") == WITHHELD
    seeds = {key: _seed(content, key) for key in ("dataset_config", *(() if secret else (f"{name}_config",)))}
    problems += [f"{CONFIG}: {key} has no whole number as random_seed." for key, seed in seeds.items() if seed is None]
    if not problems and len(set(seeds.values())) > 1:
        problems.append(
            f"{CONFIG}: random_seed is {' and '.join(map(str, seeds.values()))}; expected one seed in both."
        )
    seed = seeds["dataset_config"]
    problems += _not_allowed(seed)
    if problems or seed is None:
        raise RefusedError(problems)
    return Config(name, seed, secret)


def _missing(content: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{CONFIG} has no {key!r}." for key in _TOP if key not in content)
    for key, wanted in (("dir_list", _FOLDERS), ("dataset_config", _DATASET)):
        part = content.get(key, {})
        if not isinstance(part, dict):
            yield f"{CONFIG}: {key} holds no keys; expected {', '.join(wanted)}."
        elif key in content and (gone := [name for name in wanted if name not in part]):
            yield f"{CONFIG}: {key} has no {', '.join(gone)}."


def _dataset(part: Any, code: str, label: str) -> Iterator[str]:
    """Yield where a config is about other data than the name of the zip file says."""
    expected = {"name": code, "subtype_col_name": label, "num_splits": str(N_FOLDS)}
    for key, value in expected.items() if isinstance(part, dict) else ():
        if key in part and part[key] != value:
            found = shown(part[key]) if isinstance(part[key], str) else "no text"
            yield f"{CONFIG}: {key} is {found}; expected {value!r}."


def _seed(content: Mapping[str, Any], key: str) -> int | None:
    part = content.get(key)
    text = part.get("random_seed") if isinstance(part, dict) else None
    return int(text) if isinstance(text, str) and re.fullmatch(r"[0-9]{1,10}", text) else None


def _not_allowed(seed: int | None) -> list[str]:
    if seed is None:
        return []
    try:
        check_seed(seed)
    except DataError as error:
        return [f"{CONFIG}: {error}"]
    return []
