"""Commands that are printed to be pasted: they work as they are, with plugin and dataset files of the user's own."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from runs import bench

from bench.release.pasting import files_of_run

pytest.importorskip("cryptography")

_GENERATOR = '''
from dataclasses import dataclass
import numpy as np
from bench import generator

@generator("own_method")
@dataclass(kw_only=True)
class OwnMethod:
    """Draw from mean and spread of each class."""

    def fit(self, cohort, *, rng):
        self.seen_ = cohort
        return self

    def sample(self, n, *, rng):
        seen = self.seen_
        y = rng.choice(seen.classes, size=n)
        X = [rng.normal(seen.X[seen.y == k].mean(axis=0), seen.X[seen.y == k].std(axis=0)) for k in y]
        return seen.synthetic(np.stack(X), y)
'''
_DATASET = """
from bench import Dataset
from bench.conformance import people

def own_people() -> Dataset:
    return Dataset("own_people", "own people", "kind", people(120, "own"), None, False, "the tests")
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a generator and a dataset in files, and a run of them."""
    (tmp_path / "home").mkdir()
    (tmp_path / "my tools").mkdir()
    (tmp_path / "my tools/own_method.py").write_text(_GENERATOR)
    (tmp_path / "own_people.py").write_text(_DATASET)
    return tmp_path


def words(place: Path, *typed: str) -> tuple[int, str, str]:
    settings = {"XDG_CONFIG_HOME": str(place / "settings"), "BENCH_DATA_HOME": str(place / "home"), "COLUMNS": "200"}
    done = bench(place, *typed, env={**os.environ, **settings})
    return done.returncode, done.stdout, done.stderr


RUN = (
    *("run", "--dataset", "own_people", "--generators", "own_method", "--folds", "1,2", "--metrics", "mmd"),
    *("--attacks", "mc", "--jobs", "1", "--threads", "1", "--executor", "serial", "--out", "all results"),
    *("--plugin", "my tools/own_method.py", "--plugin=own_people.py"),
)


def printed(out: str, command: str) -> list[str]:
    """Return the words of the command that was printed on a line of its own."""
    (line,) = [line for line in out.splitlines() if line.startswith(f"  {command}")]
    return shlex.split(line)[1:]


def test_the_commands_that_choose_prints_work_when_pasted(place: Path) -> None:
    status, _, err = words(place, *RUN)
    assert status == 0, err
    given = ("--plugin", "my tools/own_method.py", "--plugin", "own_people.py")
    chosen = ("choose", "--dataset", "own_people", "--exposure", "1", "--out", "all results")
    for typed in (chosen, (*chosen, *given)):  # the manifest of the run knows the files too
        status, out, err = words(place, *typed)
        assert status == 0, err
        pasted = printed(out, "bench release")
        assert pasted.count("--plugin") == 2
    status, out, err = words(place, *pasted)
    assert status == 0, err
    assert json.loads((place / "release/certificate.json").read_text())["benchmarked"] is True
    status, out, err = words(place, *chosen, "--at-least", "mmd=5", "--exposure", "0.5")
    assert status == 1
    (place / "all results/rows/own_people.manifest.json").unlink()  # as of rows that were sent by somebody
    status, out, err = words(place, *chosen)
    assert "--plugin" not in "".join(printed(out, "bench release"))


def test_who_was_never_attacked_is_named_with_the_files_that_attack_it(place: Path) -> None:
    given = ("--plugin", "my tools/own_method.py", "--plugin", "own_people.py")
    asked = ("release", "--dataset", "own_people", "--generator", "own_method", "--out", "first", *given)
    status, _, err = words(place, *asked)
    assert status == 2
    assert "First `bench run" in err, err
    run = shlex.split(err.partition("First `bench ")[2].partition("`")[0])
    status, _, err = words(place, *run, "--folds", "1", "--metrics", "none", "--attacks", "mc", "--executor", "serial")
    assert status == 0, err
    assert words(place, *asked)[0] == 0


def test_a_run_from_another_folder_is_named_with_whole_paths(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/own_people.py").write_text(_DATASET)
    manifest = {
        "manifest": 2, "argv": ["bench", "run", "--plugin", "own_people.py", "--plugin=gone.py"], "request": {},
        "folder": str(tmp_path / "there"), "plugin_files": [{"path": "/x/own.py", "sha256": ""}], "data": {}, "code": {},
        "versions": {}, "rows": {},
    }  # fmt: skip
    (tmp_path / "own_people.manifest.json").write_text(json.dumps(manifest))
    assert files_of_run(tmp_path / "own_people.csv") == [Path("/x/own.py"), tmp_path / "there/own_people.py"]
