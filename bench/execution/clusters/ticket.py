"""What a machine must share with the one that sends it work: the store, the code, versions and threads."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import bench
from bench.core.errors import BenchError
from bench.execution.base import Limits, Todo
from bench.registry.declarations import PluginInfo
from bench.registry.digests import code_digest, module_digest
from bench.store.store import write_atomic

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas")
_PATIENCE = 60.0  # seconds that a network file system may take to show a new file


class ClusterError(BenchError):
    """A cluster that cannot be reached, or whose machines are not set up like this one."""


@dataclass(frozen=True)
class Ticket:
    """What a machine must share with the one that sends it work, or its results would be others.

    Parameters
    ----------
    store : the store's folder, by the same path everywhere
    proof : a file in it; gone when nobody waits for the work, empty when nobody wants more of it
    threads, device : of every task
    versions : of Python, this package and its libraries
    plugins : every plugin of the run with the digest of its code
    """

    store: Path
    proof: Path
    threads: int
    device: str
    versions: Mapping[str, str]
    plugins: Sequence[tuple[PluginInfo, str]] = field(repr=False)

    @property
    def void(self) -> bool:
        """Whether nobody waits for the work any more."""
        return not self.proof.exists()

    @property
    def wanted(self) -> bool:
        """Whether further tasks shall start."""
        try:
            return self.proof.stat().st_size > 0
        except OSError:
            return False

    def ask_to_stop(self) -> None:
        """Let tasks under way finish, and no further one start."""
        write_atomic(self.proof, lambda f: f.write(b""))


@contextmanager
def ticket(todo: Todo, limits: Limits) -> Iterator[Ticket]:
    """Give a context in which a ticket for this work is valid."""
    store = todo[0][0].cell.store.absolute()
    proof = store / "tickets" / secrets.token_hex(8)
    infos = {(task.plugin.kind, task.plugin.name): task.plugin for _, tasks in todo for task in tasks}
    plugins = [(info, code_digest(info)) for info in infos.values()]
    write_atomic(proof, lambda f: f.write(f"{platform.node()} {os.getpid()}\n".encode()))
    try:
        yield Ticket(store, proof, limits.threads, os.environ.get("BENCH_DEVICE", "auto"), versions(), plugins)
    finally:
        proof.unlink(missing_ok=True)


def versions() -> dict[str, str]:
    """Return the versions of what every number depends on."""
    own = f"{bench.__version__} ({module_digest('bench.execution.base')[:8]})"
    libraries = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"Python": platform.python_version(), "omics-bench": own, **libraries}


def difference(asked: Ticket, set_up: tuple[int, str] | None, wanted: Callable[[], bool] = lambda: True) -> str:
    """Return how this process differs from what a ticket asks, or an empty string.

    Parameters
    ----------
    set_up : threads and device that this process has taken on before, if it has
    wanted : whether the work still is, as far as who handed it out knows; the ticket of a run that is over is gone too
    """
    here = versions()
    for name, version in asked.versions.items():
        if here[name] != version:
            return f"{name} is {here[name]}, but {version} where the run was started. Install the same; restart it."
    if set_up not in (None, (asked.threads, asked.device)):
        return (
            f"it was set up for --threads and --device {set_up} by an earlier run, now {asked.threads} and "
            f"{asked.device!r} are asked, which takes effect in a new process only. Restart the workers."
        )
    for info, digest in asked.plugins:
        if problem := _plugin_differs(info, digest):
            return problem
    limit = time.monotonic() + _PATIENCE
    while asked.void:
        if not wanted():
            return "the run that asked for the work is over."
        if time.monotonic() > limit:
            return (
                f"the store {asked.store} is not what it is where the run was started. Put it on a file system that "
                "all machines see under the same path (--out)."
            )
        time.sleep(0.5)
        list(asked.proof.parent.glob("*"))  # makes a network file system look again
    return ""


def _plugin_differs(info: PluginInfo, digest: str) -> str:
    if not info.module.startswith("bench_plugin_"):
        spec = importlib.util.find_spec(info.module)
        if spec is None or spec.origin is None:
            return f"there is no module {info.module!r}, which holds {info.kind} {info.name!r}. Install it here too."
        info = replace(info, path=Path(spec.origin))
    if not info.path.is_file():
        return f"there is no file {info.path} ({info.kind} {info.name!r}). Put it where all machines see it."
    if code_digest(info) != digest:
        return (
            f"the code of {info.kind} {info.name!r}, or a library it imports, is of another version than where the run "
            "was started. Install the same; restart it."
        )
    return ""
