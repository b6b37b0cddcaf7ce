"""A command that runs nothing imports nothing heavy, and what is remembered from earlier commands is never stale."""

import importlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from bench.core.cohort import Cohort
from bench.datasets.folds import make_splits
from bench.engine import environment
from bench.execution import isolation
from bench.registry import find, sources

_PLAN = """
import sys
from bench.cli import main
sys.argv = ["bench", "run", "--generators", "all", "--dataset", "brca", "--folds", "1", "--dry-run"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(sys.modules), sep="\\n")
"""


def test_a_dry_run_imports_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PLAN],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "BENCH_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "bench.engine.plan" in loaded
    assert not loaded & {"scipy.stats", "sklearn", "torch", "matplotlib", "pandas"}


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    for function in (sources._memory, sources._installed, sources._contents, sources.version_of):
        function.cache_clear()


def test_distributions_are_those_that_python_finds(fresh: Path) -> None:
    wanted = importlib.metadata.packages_distributions()
    assert "sklearn" in wanted
    assert {name: sources.distributions_of(name) for name in wanted} == wanted
    assert sources.distributions_of("no_such_package") == []


def test_a_library_that_is_installed_later_is_found(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(fresh / "site"))
    assert sources.distributions_of("new_one") == []
    sources.remember()
    _forget()
    (fresh / "site/new_one-1.0.dist-info").mkdir(parents=True)
    (fresh / "site/new_one-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: New-One\nVersion: 1.0\n")
    (fresh / "site/new_one-1.0.dist-info/RECORD").write_text('xnew/a.py,,\nother.py,,\n"new_one/a, b.py",,\n')
    importlib.invalidate_caches()
    assert sources.distributions_of("new_one") == ["New-One"]
    assert sources.distributions_of("new") == []  # the beginning or the end of a name is another name


def test_the_versions_in_a_manifest_are_those_that_python_finds() -> None:
    wanted = {str(found.metadata["Name"]): found.version for found in importlib.metadata.distributions()}
    assert environment.distributions() == wanted


def test_the_fork_server_loads_what_a_planned_plugin_needs_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[list[str]] = []
    context = SimpleNamespace(set_forkserver_preload=loaded.append)
    monkeypatch.setattr(isolation.multiprocessing, "get_context", lambda name: context)
    isolation.prepare(1, [find("metric", "mmd")])
    isolation.prepare(1, [find("metric", "mmd"), find("metric", "classifier_ranking")])  # through a helper
    isolation.prepare(1)
    few, some, every = loaded
    assert few == ["bench.execution.guard"]
    assert "sklearn.linear_model" in some
    assert some == every


def test_an_edited_file_with_the_old_time_and_size_is_read_anew(fresh: Path) -> None:
    file = fresh / "a.py"
    file.write_text("x = 1\n")
    os.utime(file, ns=(1, 1))
    before = sources.source_of(file)
    sources.remember()
    file.write_text("x = 2\n")
    os.utime(file, ns=(1, 1))
    _forget()
    assert sources.source_of(file).digest != before.digest


def test_a_damaged_memory_is_made_again(fresh: Path) -> None:
    file = fresh / "a.py"
    file.write_text("import os\n")
    before = sources.source_of(file)
    sources.remember()
    (memory,) = (fresh / "cache").rglob("sources-*.json")
    memory.write_text(memory.read_text().replace(before.digest, "0" * 64))
    _forget()
    assert sources.source_of(file).digest == before.digest


def test_what_is_remembered_is_what_was_read(fresh: Path) -> None:
    file = fresh / "a.py"
    file.write_text("from . import b\nimport os.path\n")
    before = sources.source_of(file)
    sources.remember()
    _forget()
    again = sources.source_of(file)
    assert again.digest == before.digest
    assert [tuple(line) for line in again.imports] == [tuple(line) for line in before.imports]


@pytest.mark.parametrize("seed", [0, 1, 42, 2024])
def test_folds_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.concatenate([rng.choice(["b", "a", "d", "c"], size=97, p=[0.5, 0.25, 0.15, 0.1]), np.repeat(["c", "e"], 5)])
    y = y[rng.permutation(len(y))]
    names = [f"s{i}" for i in range(len(y))]
    cohort = Cohort(X=rng.random((len(y), 2)), y=y, genes=["g1", "g2"], samples=names, units="log2")
    wanted = StratifiedKFold(5, shuffle=True, random_state=seed).split(cohort.X, cohort.y)
    for split, (train, holdout) in zip(make_splits(cohort, seed=seed), wanted, strict=True):
        assert list(split.train.samples) == [names[i] for i in train]
        assert list(split.holdout.samples) == [names[i] for i in holdout]
