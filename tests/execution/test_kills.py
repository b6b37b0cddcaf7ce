"""A run that is killed again and again, in every part and at any moment, loses nothing and comes to the same rows."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from runs import alive, environment, make_home, numbers, until

from bench import Cohort
from bench.core.files import remove_leftovers
from bench.datasets import load_dataset
from bench.datasets.folds import make_splits
from bench.store.rows import read_rows
from bench.store.store import Store

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a run in /proc"),
]
FEWEST, RUN_KILLS, PART_KILLS = 50, 18, 34
WEIGHTS = {"worker": 4, "guard": 2, "server": 1}
MARK = "BENCH_TEST_OF_KILLS"
PLUGINS = '''
import os, time
from dataclasses import dataclass
from pathlib import Path
from bench import Measure, generator, metric

def note(who, what):
    line = f"{who} {what}\\n".encode()
    file = os.open(JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line)
    os.close(file)
    time.sleep(0.1)

@generator("NAME")
@dataclass(kw_only=True)
class Slow:
    """A generator that takes its time."""

    def fit(self, cohort, *, rng):
        note("NAME", cohort.digest)
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        return self.cohort_.synthetic(self.cohort_.X[:n] + rng.normal(size=(n, 1)), self.cohort_.y[:n])
'''
METRIC = '''
@metric("slow_metric", family="fidelity", measures=(Measure("slowness"),))
@dataclass(kw_only=True)
class SlowMetric:
    """A metric that takes its time."""

    def __call__(self, train, holdout, synthetic, *, rng):
        note("slow_metric", synthetic.digest)
        return {"slowness": float(synthetic.X.sum())}
'''
NAMES = [f"slow_{i}" for i in range(4)]


class Place:
    """A folder with data and plugins, and the runs that are made there."""

    def __init__(self, folder: Path, cohort: Cohort) -> None:
        self.folder, self.out = folder, folder / "results"
        self.journal = folder / "journal"
        self.env = {**environment(folder), MARK: str(folder)}
        self.said = ""
        self.moments: list[tuple[set[str], int]] = []
        files = []
        for name in NAMES:
            files.append(folder / f"{name}.py")
            files[-1].write_text(PLUGINS.replace("NAME", name).replace("JOURNAL", repr(str(self.journal))))
        files.append(folder / "slow_metric.py")
        head = PLUGINS.partition("@generator")[0].replace("JOURNAL", repr(str(self.journal)))
        files[-1].write_text(head + METRIC)
        self.plugins = [word for file in files for word in ("--plugin", str(file))]
        make_home(folder, cohort)

    @contextlib.contextmanager
    def run(self) -> Iterator[subprocess.Popen[str]]:
        """Start the run; at the end of the block it is gone, and with it all it started."""
        words = ["run", "--dataset", "toy", "--generators", ",".join(NAMES), "--metrics", "slow_metric,mmd"]
        words += ["--attacks", "mc", "--jobs", "2", "--threads", "1", "--retries", "5", "--out", str(self.out)]
        command = [sys.executable, "-m", "bench", *words, *self.plugins]
        with (self.folder / "stderr").open("w+") as stderr:
            process = subprocess.Popen(command, cwd=self.folder, env=self.env, stderr=stderr, text=True)
            try:
                yield process
            finally:
                process.kill()
                process.wait()
                until(lambda: not self.processes(), "the end of everything that the run started")
                stderr.seek(0)
                self.said += stderr.read()

    def finish(self) -> pd.DataFrame:
        """Run to the end and return the rows."""
        with self.run() as process:
            assert process.wait(timeout=300) == 0, (self.folder / "stderr").read_text()
        return read_rows(next((self.out / "rows").glob("*.csv")))[0]

    def processes(self) -> list[int]:
        """Return the live processes that inherited this place's mark from a run."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.folder}\0".encode() in path.read_bytes() and alive(int(path.parent.name)):
                    found.append(int(path.parent.name))
        return found

    def results(self) -> set[str]:
        """Return the keys of all results that are there."""
        return {path.stem for path in (self.out / "store" / "objects").glob("*/[0-9a-f]*.json")}

    def has_come_to(self, target: int, run: int) -> bool:
        """Return whether so many results are there and the run is doing more."""
        return len(self.results()) >= target and bool(self.parts(run)["server"])

    def lines(self) -> list[str]:
        """Return what plugins noted when they began."""
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def parts(self, run: int) -> dict[str, list[int]]:
        """Return the processes of a run by what they do: the server they are forked from, guards and workers."""
        above = {}
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    above[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        found: dict[str, list[int]] = {"server": [], "guard": [], "worker": []}
        for pid, parent in above.items():
            role = "server" if parent == run else "worker" if above.get(parent, run) != run else "guard"
            found[role].append(pid)
        return found


def test_a_run_killed_in_any_part_at_any_moment_comes_to_the_same_rows(
    toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, hits = Place(tmp_path, toy_cohort), Counter[str]()
    place.out = tmp_path / "undisturbed"
    undisturbed = place.finish()
    rows = killed_as_a_whole(place, hits)
    names = names_of_tasks(place, rows, monkeypatch)
    check_that_nothing_was_done_again(place, names, hits)
    others = [rows, parts_killed(place, hits), killed_while_it_publishes(place, hits)]
    for found in others:
        pd.testing.assert_frame_equal(numbers(found), numbers(undisturbed), check_exact=True)
    assert "damaged" not in place.said
    print(f"{hits.total()} kills of a live run: {dict(hits)}; {len(rows)} rows: none lost, none changed")  # noqa: T201
    assert hits.total() >= FEWEST, dict(hits)


def killed_as_a_whole(place: Place, hits: Counter[str]) -> pd.DataFrame:
    """Kill the run at moments spread over its life, resume it each time, and return the rows of the last one."""
    rng = random.Random(7)
    place.out = place.folder / "run_killed"
    place.journal.unlink()
    for _ in range(RUN_KILLS):
        target = len(place.results()) + rng.randrange(4)
        with place.run() as process:
            until(lambda: process.poll() is not None or place.has_come_to(target, process.pid), f"result {target}")  # noqa: B023
            time.sleep(0.3 * rng.random())
            hits["run"] += process.poll() is None
        place.moments.append((place.results(), len(place.lines())))
    return place.finish()


def check_that_nothing_was_done_again(place: Place, names: dict[str, str], hits: Counter[str]) -> None:
    lines = place.lines()
    for done, n in place.moments:
        again = {names[key] for key in done if key in names} & set(lines[n:])
        assert not again, "a task whose result was there was done again"
    assert len(lines) <= len(names) + 2 * hits["run"]  # a kill costs at most the two tasks under way
    nothing_is_left(place)


def names_of_tasks(place: Place, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return what the planted plugins note when they begin, by the key of the task."""
    monkeypatch.setenv("BENCH_DATA_HOME", place.env["BENCH_DATA_HOME"])
    people = {split.fold: split.train.digest for split in make_splits(load_dataset("toy").cohort, seed=42)}
    store, names = Store(place.out / "store"), {}
    for (generator, fold), cell in rows.groupby(["generator", "fold"]):
        keys = cell.set_index("measure")["key"]
        sample = store.read_sample(keys["n_synthetic"])
        assert sample is not None
        names[keys["n_synthetic"]] = f"{generator} {people[int(fold)]}"
        names[keys["slowness"]] = f"slow_metric {sample.digest}"
    return names


def nothing_is_left(place: Place) -> None:
    """Check that what killed writers left is taken for nothing, and goes."""
    for folder in place.out.rglob("*"):
        if folder.is_dir():
            remove_leftovers(folder)
    assert not list(place.out.rglob(".*"))


def parts_killed(place: Place, hits: Counter[str]) -> pd.DataFrame:
    """Kill what the run started, one after the other; it goes on by itself. Return its rows."""
    rng = random.Random(8)
    place.out = place.folder / "parts_killed"
    place.journal.unlink()
    done = 0
    with place.run() as process:
        while process.poll() is None and done < PART_KILLS:
            before = len(place.results())
            time.sleep(0.3 * rng.random())
            role = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            until(lambda: place.parts(process.pid)[role] or process.poll() is not None, f"a {role}")  # noqa: B023
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(rng.choice(place.parts(process.pid)[role]), signal.SIGKILL)
                hits[role] += 1
                done += 1
            until(lambda: len(place.results()) > before or process.poll() is not None, "progress")  # noqa: B023
        assert process.wait(timeout=300) == 0, (place.folder / "stderr").read_text()
    assert len(place.lines()) <= len(NAMES) * 5 * 2 + done
    nothing_is_left(place)
    return read_rows(next((place.out / "rows").glob("*.csv")))[0]


def killed_while_it_publishes(place: Place, hits: Counter[str]) -> pd.DataFrame:
    """Kill a run that has nothing left to do but its record, pictures and tables; return the rows of the next."""
    rng = random.Random(9)
    records = place.out / "store" / "runs"
    for _ in range(2):
        n = len(list(records.glob("*.json")))
        with place.run() as process:
            until(lambda: process.poll() is not None or len(list(records.glob("*.json"))) > n, "the record")  # noqa: B023
            time.sleep(rng.random())
            hits["publishing"] += process.poll() is None
    return place.finish()
