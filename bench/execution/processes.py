"""The family of a process: everything it started, what that holds in memory, and how all of it is stopped.

A process group is not enough: a plugin may start a session of its own. What belongs to a family is therefore read from
the kernel, from parent to child, and orphans stay in it because the guard of a task adopts them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

GB = 1 << 30
_ROUNDS = 1000  # of killing what is there; more than one only where processes are being started all the time
_WAIT = 0.001  # seconds between two of them
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>
_HAS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()


def adopt_orphans() -> None:
    """Make this process the parent of all orphans among its descendants (Linux; elsewhere nothing happens)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent ends (Linux; elsewhere nothing happens)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(what: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(what, value, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started; zombies included."""
    children = _children if _HAS_CHILDREN else _children_by_ps()
    found: list[int] = []
    todo = children(pid)
    while todo:
        found += todo
        todo = [grandchild for child in todo for grandchild in children(child)]
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _children_by_ps() -> Callable[[int], list[int]]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)  # noqa: S607
    pairs = [line.split() for line in listed.stdout.splitlines()]
    return lambda parent: [int(pid) for pid, above in pairs if int(above) == parent]


def can_measure() -> bool:
    """Return whether the memory of processes can be read here."""
    return Path("/proc/self/status").exists()


def held(pids: Iterable[int], limit: float) -> int:
    """Return how many bytes processes hold in memory and swap; pages they share count once if it is near the limit.

    The plain sum counts a shared page once for each process, so it can only be too large; the exact one is slow to
    read and asked for only when the plain sum is above `limit`.
    """
    pids = list(pids)
    total = sum(_kilobytes(f"/proc/{pid}/status", ("VmRSS", "VmSwap")) for pid in pids) * 1024
    if total <= limit:
        return total
    exact = sum(_kilobytes(f"/proc/{pid}/smaps_rollup", ("Pss", "SwapPss")) for pid in pids) * 1024
    return exact or total


def _kilobytes(path: str, names: tuple[str, ...]) -> int:
    total = 0
    with contextlib.suppress(OSError):  # it has ended
        for line in Path(path).read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in names:
                total += int(rest.split()[0])
    return total


def kill_descendants(pid: int) -> None:
    """Kill everything that a process started, however it hides; the process itself lives on."""
    for _ in range(_ROUNDS):
        living = [child for child in descendants(pid) if not _is_zombie(child)]
        if not living:
            return
        for child in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)


def kill_children() -> None:
    """Kill everything that this process started, and reap it.

    The kernel's list of children may leave one out while another one ends, so an empty list proves nothing: who adopts
    orphans has nothing left when there is no child to wait for.
    """
    for _ in range(_ROUNDS):
        kill_descendants(os.getpid())
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_WAIT)  # until what was killed has ended


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return _HAS_CHILDREN  # it has ended; without /proc nobody knows
    except OSError:
        return True
