"""What a run ran on: hardware, system, packages, settings of numerical libraries, and the commit of a checkout.

Nothing here imports a numerical library; a fact that the machine does not give is left out.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bench

_PREFIXES = (
    "BENCH_",
    "OMP_",
    "OPENBLAS_",
    "MKL_",
    "NUMEXPR_",
    "CUDA_",
    "CUBLAS_",
    "TORCH_",
    "PYTORCH_",
    "KMP_",
    "GOMP_",
)
_NAMES = ("PYTHONHASHSEED", "LANG", "LC_ALL", "TZ")
_SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD")  # parts of names whose values are nobody's business


def hardware() -> dict[str, Any]:
    """Return the processor, its cores, the memory in GB, the GPUs and the operating system."""
    facts: dict[str, Any] = {"cpus": os.cpu_count(), "machine": platform.machine(), "system": platform.platform()}
    if models := sorted(set(_values(Path("/proc/cpuinfo"), "model name"))):
        facts["cpu"] = ", ".join(models)
    if memory := list(_values(Path("/proc/meminfo"), "MemTotal")):
        facts["memory_gb"] = round(int(memory[0].split()[0]) * 1024 / 1e9, 1)
    gpus = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    if models := [model for path in gpus for model in _values(path, "Model")]:
        facts["gpus"] = models
    return facts


def _values(path: Path, name: str) -> Iterator[str]:
    """Yield what stands behind ``name :`` in a file of the kernel."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        left, _, right = line.partition(":")
        if left.strip() == name:
            yield right.strip()


def variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables that may move a number or a time; none that holds a secret.

    Parameters
    ----------
    environment : None: that which this process was started with; libraries, and we, set more of them later
    """
    values = _at_start() if environment is None else environment
    wanted = (name for name in sorted(values) if name.startswith(_PREFIXES) or name in _NAMES)
    return {name: values[name] for name in wanted if not any(part in name for part in _SECRET)}


def _at_start() -> Mapping[str, str]:
    try:
        text = Path("/proc/self/environ").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return os.environ
    return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)


def distributions() -> dict[str, str]:
    """Return the version of every installed package by its name."""
    found = dict(map(_name_and_version, importlib.metadata.distributions()))
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _name_and_version(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Return what the head of a distribution's metadata says; parsing hundreds of them whole takes half a second."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    name, version = (re.search(rf"^{field}: *(.*)$", text, re.MULTILINE) for field in ("Name", "Version"))
    return name[1] if name else "", version[1] if version else ""


def commit() -> dict[str, Any] | None:
    """Return the git commit that the package runs from and whether files differ from it; None outside a checkout."""
    folder = Path(bench.__file__).parent
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:  # a checkout of something else
        return None
    head, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--untracked-files=no")
    return None if head is None else {"commit": head, "dirty": bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [program, "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=clean)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
