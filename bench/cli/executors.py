"""Options that say where a run's work is done."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.core.errors import BenchError
from bench.execution import DaskCluster, Executor, LocalProcesses, Serial, SlurmArrays
from bench.execution.clusters.slurm_config import SlurmConfig, read_slurm_config

_OWNERS = {"scheduler": "dask", "slurm_config": "slurm", "gpu_jobs": "local"}
_OPTIONS = (
    click.option(
        "--executor",
        "executor_name",
        type=click.Choice(["local", "serial", "dask", "slurm"]),
        default="local",
        show_default=True,
        help="Where the work is done: child processes here, this very process (to debug), or a cluster.",
    ),
    click.option("--scheduler", help="Of Dask: its address, or its scheduler file (*.json)."),
    click.option("--slurm-config", type=click.Path(path_type=Path), help="What to ask Slurm for (.toml, .yaml)."),
    click.option("--gpu-jobs", type=click.IntRange(1), help="Local fits that share a GPU at once [default: 1]."),
)


def option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --executor and what belongs to it; the function gets one argument, ``executor``."""

    @functools.wraps(function)
    def with_executor(*args: Any, executor_name: str, **others: Any) -> Any:
        chosen = {option: others.pop(option) for option in _OWNERS}
        return function(*args, executor=_executor(executor_name, **chosen), **others)

    wrapped: Callable[..., Any] = with_executor
    for add in reversed(_OPTIONS):
        wrapped = add(wrapped)
    return wrapped


def _executor(name: str, scheduler: str | None, slurm_config: Path | None, gpu_jobs: int | None) -> Executor:
    given = {"scheduler": scheduler, "slurm_config": slurm_config, "gpu_jobs": gpu_jobs}
    for option, owner in _OWNERS.items():
        if given[option] is not None and name != owner:
            words = f"--{option.replace('_', '-')} belongs to --executor {owner}, not to {name}"
            raise BenchError(f"{words}; leave one of them out.")
    if name == "dask":
        if scheduler is None:
            raise BenchError("--executor dask needs --scheduler ADDRESS, which `dask scheduler` prints when it starts.")
        return DaskCluster(scheduler)
    if name == "slurm":
        return SlurmArrays(read_slurm_config(slurm_config) if slurm_config else SlurmConfig())
    return Serial() if name == "serial" else LocalProcesses(gpu_jobs or 1)
