"""Times whole commands: CPU and wall seconds, with everything that a command starts.

    python benchmarks/commands.py                         # this package
    python benchmarks/commands.py --beside old/bin/bench  # and another installation of it, in turn

Each command is repeated; the table gives the least, which is what the work takes where nothing else runs, and the
ratio to the other installation. A cold command finds an empty cache of the user, a warm one what the cold one left.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from bench import load_dataset
from bench.datasets.folds import make_splits
from bench.registry import find
from bench.registry.finding import create

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_FOUR = ["--metrics", "tstr,mmd,discriminative,distance_to_closest", "--attacks", "none"]
_ONE = ["--folds", "1", "--threads", "1", "--jobs", "1"]
COMMANDS = {
    "plan, cold": (["run", "--generators", "all", "--dataset", "combined", "--dry-run"], True),
    "plan, warm": (["run", "--generators", "all", "--dataset", "combined", "--dry-run"], False),
    "score, 4 measures": (["score", "--dataset", "brca", "--synthetic", "release", *_FOUR, *_ONE], False),
    "score, everything": (["score", "--dataset", "brca", "--synthetic", "release", *_ONE], False),
}


def make_release(folder: Path) -> None:
    """Write a release of fold 1 of brca, as a team would hand it in."""
    split = make_splits(load_dataset("brca").cohort, seed=42)[0]
    fitted = create(find("generator", "multivariate"), {}).fit(split.train, rng=np.random.default_rng(1))
    release = fitted.sample(len(split.train), rng=np.random.default_rng(2))
    table = pd.DataFrame(release.X, columns=list(release.genes)).assign(label=release.y)
    folder.mkdir()
    table.to_csv(folder / "synthetic_1.csv", index=False)


def measure(program: str, words: list[str], place: Path, *, cold: bool) -> tuple[float, float]:
    """Return CPU and wall seconds of one command in an empty folder of results; what it orphans is waited for."""
    if cold:
        shutil.rmtree(place / "cache", ignore_errors=True)
    shutil.rmtree(place / "results", ignore_errors=True)
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([program, *words], cwd=place, env=environment, check=True, capture_output=True)
    wall = time.perf_counter() - started
    _wait_for(os.wait)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def _wait_for(wait: Callable[[], object]) -> None:
    while True:
        try:
            wait()
        except ChildProcessError:
            return


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", help="the program `bench` of another installation")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", help="commands whose name holds this")
    asked = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # the fork server outlives its command for a moment
    programs = [str(Path(sys.executable).with_name("bench")), *([asked.beside] if asked.beside else [])]
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        make_release(Path(folder) / "release")
        for name, (words, cold) in COMMANDS.items():
            if asked.only in (None, "") or asked.only in name:
                taken = [[measure(p, words, Path(folder), cold=cold) for p in programs] for _ in range(asked.repeats)]
                cpu, wall = np.array(taken).min(axis=0).T  # (n_programs,) each
                lines.append([name, *cpu, *wall, *(cpu[1:] / cpu[0])])
    names = ["this", *(["other"] if asked.beside else [])]
    heads = ["command", *(f"CPU s, {n}" for n in names), *(f"wall s, {n}" for n in names), *["ratio"][: len(names) - 1]]
    print(tabulate(lines, heads, tablefmt="github", floatfmt=".2f"))


if __name__ == "__main__":
    main()
