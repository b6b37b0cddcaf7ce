"""Runs the code of a submission, which everything else here refuses to do, to see whether it makes its own tables.

The code runs as a child with a bare environment, a folder of its own, a time limit and a process group that is stopped
whole. That keeps accidents out. It does not keep malice out: the child may read and send whatever its user can.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from bench.challenge.archive import MAX_MEMBER, opened
from bench.challenge.blue_entry import FOREIGN, Submission, code_of, common_folder, table_names
from bench.challenge.blue_team import frames
from bench.core.cohort import Cohort, as_expression
from bench.core.errors import BenchError
from bench.core.roles import Split

_DRIVER = """
import pathlib, sys
sys.path.insert(0, "")
import yaml, blue_team
config = yaml.safe_load(open("config.yaml", encoding="utf-8"))
if not hasattr(blue_team, "BLUE_TEAM"):
    sys.exit("blue_team.py has no BLUE_TEAM(config, split)")
folder = pathlib.Path("made_again")
folder.mkdir()
for split in map(int, sys.argv[1:]):
    team = blue_team.BLUE_TEAM(config, split)
    team.train()
    team.save_synthetic_data(*team.generate(), folder)
"""


def run_code(path: Path, entry: Submission, *, timeout: float | None) -> Iterator[str]:
    """Run a submission's ``blue_team.py`` on its own folds; yield, per fold, how its tables compare with the packed.

    Raises
    ------
    BenchError
        If the code fails, overruns the time limit, or writes no tables; the last lines of its output say why.
    """
    with tempfile.TemporaryDirectory(prefix="bench-team-code-") as name:
        folder = Path(name)
        _unpack(path, folder)
        for split in entry.splits:
            _write_real(folder, entry, split)
        with tempfile.TemporaryFile() as log:  # without a name, so that the code cannot put another in its place
            _run(folder, [split.fold for split in entry.splits], timeout, log)
        for split in entry.splits:
            yield _compared(folder / "made_again", split.fold, entry.synthetic[split.fold], secret=entry.secret)


def _unpack(path: Path, folder: Path) -> None:
    """Write the checked members of a zip file into a folder; the synthetic tables are left out."""
    with opened(path) as archive:
        names = [name for name in archive.names if not FOREIGN.match(name)]
        top = common_folder(names)
        for member in names:
            place = folder / member.removeprefix(top)
            if not place.name.startswith("synthetic_"):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.raw(member))


def _write_real(folder: Path, entry: Submission, split: Split) -> None:
    real = folder / "data_splits" / code_of(entry.dataset.name) / "real"
    real.mkdir(parents=True, exist_ok=True)
    for side, cohort in (("train", split.train), ("test", split.holdout)):
        X, y = frames(as_expression(cohort), entry.dataset.label)
        X.to_csv(real / f"X_{side}_real_split_{split.fold}.csv", index=False)
        y.to_csv(real / f"y_{side}_real_split_{split.fold}.csv", index=False)


def _run(folder: Path, folds: list[int], timeout: float | None, log: BinaryIO) -> None:
    command = [sys.executable, "-c", _DRIVER, *map(str, folds)]
    environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(  # noqa: S603 - running a stranger's code is what was asked for
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        status: int | None = child.wait(timeout)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        _stop(child)
    if status != 0:
        why = f"was stopped after {timeout:g} s (--timeout)" if status is None else f"ended with exit status {status}"
        raise BenchError(f"the team's code {why}. Its last lines: {_last_lines(log)}")


def _stop(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _last_lines(log: BinaryIO, most: int = 2000) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - most))
    text = log.read().decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join("".join(c if c.isprintable() else "?" for c in line) for line in lines[-4:]) or "none"


def _compared(folder: Path, fold: int, packed: Cohort, *, secret: bool) -> str:
    data, labels = (folder / name for name in table_names(fold))
    if any(table.is_symlink() or not table.is_file() for table in (data, labels)):
        raise BenchError(f"the team's code wrote no {data.name} and {labels.name}; expected both.")
    if any(table.stat().st_size > MAX_MEMBER for table in (data, labels)):
        raise BenchError(f"the team's code wrote more than {MAX_MEMBER:,} bytes for fold {fold}; no table needs that.")
    try:
        X, y = pd.read_csv(data), pd.read_csv(labels, dtype=str, keep_default_na=False).iloc[:, 0].to_numpy()
        if sorted(X.columns) != sorted(packed.genes) or not len(X) == len(y) == len(packed):
            made = f"{len(X)} rows x {X.shape[1]} genes and {len(y)} labels"
            return f"fold {fold}: DIFFERENT: {made}, packed {len(packed)} x {packed.n_genes}."
        gap = float(np.abs(X[list(packed.genes)].to_numpy(dtype=np.float32) - packed.X).max())
    except (ValueError, IndexError):
        return f"fold {fold}: DIFFERENT: the code wrote tables that cannot be read as numbers and labels."
    if secret:
        return f"fold {fold}: tables of this size; not compared, since the seed of these releases is secret."
    wrong = int((y != packed.y).sum())
    if gap == 0 and wrong == 0:
        return f"fold {fold}: the same, digit for digit."
    return f"fold {fold}: DIFFERENT: values by up to {gap:.3g}, labels in {wrong} of {len(packed)} rows."
