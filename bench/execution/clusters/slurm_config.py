"""What to ask Slurm for: a file says it for all generators, for those that use a GPU and for single ones."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core.errors import DataError, PluginError, near_name
from bench.engine.plan import PlannedCell
from bench.registry.finding import plugins
from bench.registry.resources import RESOURCES, Resources

Section = Mapping[str, Any]
_TEXTS = ("partition", "account", "qos", "constraint", "gres", "exclude", "nodelist", "mail_type", "mail_user")
_LISTS = ("setup",)
_KEYS = (*RESOURCES, *_TEXTS, *_LISTS, "more")
_HELP = "docs/clusters.md shows a whole file."


@dataclass(frozen=True, kw_only=True)
class SlurmConfig:
    """What each job asks for; the later of these wins: `defaults`, `gpu`, the generator's decorator, `generators`.

    Parameters
    ----------
    cluster : ``"slurm"``, or ``"local"`` for processes on this machine, to try things out
    requeues : how often a job may go on in a new one after its time is up
    at_once : jobs of one array that may run at the same time
    seconds_to_save : how long before its time is up a job is told so
    defaults, gpu : sections for every generator, and for those that ask for a GPU
    generators : sections by generator name
    """

    cluster: str = "slurm"
    requeues: int = 5
    at_once: int = 100
    seconds_to_save: int = 60
    defaults: Section = field(default_factory=dict)
    gpu: Section = field(default_factory=dict)
    generators: Mapping[str, Section] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.cluster not in ("slurm", "local"):
            raise DataError(f"cluster is {self.cluster!r}; expected 'slurm' or 'local'. {_HELP}")
        for name in ("requeues", "at_once", "seconds_to_save"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < (name != "requeues"):
                raise DataError(f"{name} is {value!r}; expected a whole number. {_HELP}")
        for name, section in (("defaults", self.defaults), ("gpu", self.gpu)):
            _check(name, section)
        if not isinstance(self.generators, Mapping):
            raise DataError(f"generators is {self.generators!r}; expected a section for each generator. {_HELP}")
        for name, section in self.generators.items():
            known = plugins("generator")
            if name not in known:
                raise DataError(f"generators: there is no generator {name!r}.{near_name(name, known)}")
            _check(f"generators, {name}", section)

    def asks(self, planned: PlannedCell, wanted: Resources) -> dict[str, Any]:
        """Return everything that the job of a cell asks for, by the names of this file.

        Parameters
        ----------
        wanted : the resources that the generator's decorator asks for
        """
        own = self.generators.get(planned.cell.generator, {})
        asked = {"minutes": 60, **self.defaults, **(self.gpu if own.get("gpus", wanted.gpus) else {})}
        asked |= {name: value for name, value in vars(wanted).items() if value is not None}
        return {**asked, **own}


def read_slurm_config(path: Path) -> SlurmConfig:
    """Return what a ``.toml``, ``.yaml`` or ``.yml`` file says.

    Raises
    ------
    DataError
        If it cannot be read or says something unknown.
    """
    try:
        found = _parse(path)
    except (OSError, ValueError) as error:
        raise DataError(f"the --slurm-config {path} cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(found, dict):
        raise DataError(f"the --slurm-config {path} holds no sections. {_HELP}")
    known = list(SlurmConfig.__dataclass_fields__)
    if unknown := [name for name in found if name not in known]:
        hint = near_name(str(unknown[0]), known)
        raise DataError(f"the --slurm-config {path} says {unknown[0]!r}; expected {', '.join(known)}.{hint}")
    try:
        return SlurmConfig(**found)
    except DataError as error:
        raise DataError(f"the --slurm-config {path}: {error}") from error


def _parse(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix not in (".yaml", ".yml"):
        raise ValueError(f"its name ends in {path.suffix!r}; expected .toml, .yaml or .yml")
    import yaml  # here, so that `bench list` starts fast

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _check(name: str, section: Any) -> None:
    if not isinstance(section, Mapping):
        raise DataError(f"{name} is {section!r}; expected a section with {', '.join(_KEYS)}. {_HELP}")
    for key, value in section.items():
        if key not in _KEYS:
            raise DataError(f"{name}: {key!r} is not known; expected {', '.join(_KEYS)}.{near_name(str(key), _KEYS)}")
        if key in _TEXTS and not isinstance(value, str):
            raise DataError(f"{name}: {key} is {value!r}; expected text.")
        if key in _LISTS and not (isinstance(value, list) and all(isinstance(line, str) for line in value)):
            raise DataError(f"{name}: {key} is {value!r}; expected a list of shell commands.")
        if key == "more" and not isinstance(value, Mapping):
            raise DataError(f"{name}: more is {value!r}; expected further options of sbatch, by name.")
    try:
        Resources(**{key: section.get(key) for key in RESOURCES})
    except PluginError as error:
        raise DataError(f"{name}: {error}") from error


def sbatch_options(asked: Section, *, threads: int, config: SlurmConfig) -> dict[str, Any]:
    """Return what a job asks for by the names that submitit knows."""
    options = {name: asked[name] for name in (*_TEXTS, *_LISTS) if name in asked}
    options |= {"job_name": "bench", "time": math.ceil(asked["minutes"]), "cpus_per_task": threads}
    options |= {"array_parallelism": config.at_once, "signal_delay_s": config.seconds_to_save}
    if asked.get("memory_gb"):
        options["mem"] = f"{math.ceil(asked['memory_gb'] * 1000)}M"
    if asked.get("gpus") and "gres" not in asked:
        options["gpus_per_node"] = asked["gpus"]
    return {**options, "stderr_to_stdout": True, "additional_parameters": {"requeue": True, **asked.get("more", {})}}
