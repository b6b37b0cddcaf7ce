"""Runs that other terminals can see: each writes a small file into the store while it goes, and a last one at its end.

Nothing depends on these files for correctness. A run that was killed leaves its last word behind; whether it is alive
is asked of the machine if that is this one, and of the age of its last word if not.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.core.errors import StoreError
from bench.store.store import Store, write_atomic

log = logging.getLogger(__name__)
BEAT = 3.0  # seconds between two signs of life
SILENT = 120.0  # seconds without one after which a run elsewhere counts as lost
KEYS = ".keys"
_FOLDER = "status"


class Heartbeat:
    """A context that keeps a file about this run up to date; its last version says how the run ended.

    Parameters
    ----------
    facts : what never changes, such as the command
    state : called from another thread for what does
    keys : the results that the run works on, which `bench store gc` must leave alone
    """

    def __init__(self, store: Store, facts: dict[str, Any], state: Callable[[], dict[str, Any]]) -> None:
        self._store, self._state, self._quiet = store, state, threading.Event()
        self._path = store.root / _FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.json"
        self._facts = {**facts, **_here(), "started": _now()}
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._warned = False

    def start(self, keys: Iterable[str]) -> None:
        """Write the file, and keep it up to date from a thread."""
        with self._forgiving():
            write_atomic(self._path.with_suffix(KEYS), lambda f: f.write("\n".join(keys).encode()))
        self._write("running")
        self._thread.start()

    def stop(self, ending: str) -> None:
        """Write how the run ended, and write no more."""
        self._quiet.set()
        self._thread.join()
        self._write(ending)
        if ending == "finished":
            with self._forgiving():
                self._path.with_suffix(KEYS).unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._quiet.wait(BEAT):
            self._write("running")

    def _write(self, ending: str) -> None:
        text = json.dumps({**self._facts, **self._state(), "state": ending, "updated": _now()}, indent=1)
        with self._forgiving():
            write_atomic(self._path, lambda f: f.write(text.encode()))

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        """Warn once that `bench status` will not see this run, in place of ending it."""
        try:
            yield
        except (StoreError, OSError) as error:
            if not self._warned:
                log.warning("`bench status` cannot follow this run: %s", error)
            self._warned = True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _here() -> dict[str, Any]:
    """Return an identity of this process that stays unique when its number is given to another."""
    return {"host": platform.node(), "pid": os.getpid(), "space": _space(), "born": _born(os.getpid())}


def _space() -> str:
    """Return a name of the space that process numbers are counted in: containers have their own."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path
    except OSError:
        return ""


def _born(pid: int) -> int | None:
    """Return when a process started, in ticks since the machine did; None if it is gone or the system cannot say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


# -- reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Seen:
    """A run as its file tells it.

    Parameters
    ----------
    path : the file
    facts : what is in it
    state : ``"running"``, ``"finished"``, ``"stopped"``, ``"dead"`` (its process is gone) or ``"silent"`` (it is on
        another machine and has not been heard of for two minutes)
    silent_s : seconds since its last word, by this machine's clock
    """

    path: Path
    facts: dict[str, Any]
    state: str
    silent_s: float

    def claims(self) -> frozenset[str]:
        """Return the keys of the results that the run works on; none once it has finished."""
        try:
            return frozenset(self.path.with_suffix(KEYS).read_text(encoding="utf-8").split())
        except OSError:
            return frozenset()


def runs_seen(store: Store) -> list[Seen]:
    """Return the runs that the store knows of, oldest first; files that cannot be read are left out with a warning."""
    found = []
    for path in sorted((store.root / _FOLDER).glob("*.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            age = (datetime.now(UTC) - datetime.fromisoformat(facts["updated"])).total_seconds()
            found.append(Seen(path, facts, _state(facts, age), age))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read (%s); it is left out", path, error)
    return found


def _state(facts: dict[str, Any], age: float) -> str:
    if facts["state"] != "running":
        return str(facts["state"])
    if facts["host"] == platform.node() and facts["space"] == _space():
        return "running" if _lives(facts["pid"], facts["born"]) else "dead"
    return "running" if age < SILENT else "silent"


def _lives(pid: int, born: int | None) -> bool:
    if born is not None:
        return _born(pid) == born
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
