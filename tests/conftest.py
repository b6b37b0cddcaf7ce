"""What several test files share: two small cohorts, and the skip of tests that need the real data."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator

import numpy as np
import pytest

from bench import Cohort, Split
from bench.datasets.known import providers
from bench.engine.tasks import THREAD_VARIABLES
from bench.registry import finding


def pytest_configure(config: pytest.Config) -> None:
    """Keep what tests remember out of the user's cache: in a folder of this run, which its workers share."""
    if not hasattr(config, "workerinput"):  # workers inherit it
        cache = tempfile.TemporaryDirectory(prefix="bench-tests-cache-")
        os.environ["XDG_CACHE_HOME"] = cache.name
        config.add_cleanup(cache.cleanup)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("BENCH_DATA_HOME"):
        return
    skip = pytest.mark.skip(reason="BENCH_DATA_HOME is not set")
    for item in items:
        if "real_data" in item.keywords:
            item.add_marker(skip)


pytest_plugins = ["entries"]  # its fixtures


@pytest.fixture(autouse=True)
def plugin_files_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the plugin files a test added: a planted metric must not be listed in the tests after it."""
    monkeypatch.setattr(finding, "_files", dict(finding._files))
    monkeypatch.setattr(providers, "_files", dict(providers._files))


SET_BY_RUNS = (*THREAD_VARIABLES, "PYTHONSAFEPATH")  # what a run sets in its process, for good
BEFORE = {name: os.environ.get(name) for name in SET_BY_RUNS}


@pytest.fixture(autouse=True)
def threads_stay_as_they_were() -> Iterator[None]:
    """Undo what a run sets in this process: torch that spins on more threads than there are cores is fifty times slower.

    What it was is what the tests began with: a run in a fixture of a module has changed it before any of its tests.
    """
    _forget_what_runs_set()
    yield
    _forget_what_runs_set()


def _forget_what_runs_set() -> None:
    for name, value in BEFORE.items():
        os.environ.pop(name, None)
        os.environ.update({} if value is None else {name: value})
    torch = sys.modules.get("torch")
    if torch is not None and BEFORE["OMP_NUM_THREADS"]:
        torch.set_num_threads(int(BEFORE["OMP_NUM_THREADS"]))


@pytest.fixture(autouse=True)
def only_tests_of_reports_lay_pictures_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw all that a run draws, but do not measure every word for the room it needs, which takes longer than the run."""
    if request.path.parent.name != "report":
        monkeypatch.setattr("matplotlib.layout_engine.ConstrainedLayoutEngine.execute", lambda self, figure: None)


@pytest.fixture(scope="session")
def toy_cohort() -> Cohort:
    """60 samples of 3 classes (30, 20, 10) x 16 genes, well apart, in mixed order."""
    rng = np.random.default_rng(7)
    y = rng.permutation(np.repeat(["a", "b", "c"], [30, 20, 10]))
    centres = {label: rng.normal(8.0, 2.0, size=16) for label in "abc"}
    X = np.array([centres[label] for label in y]) + rng.normal(size=(60, 16))
    genes = tuple(f"GENE{i}" for i in rng.permutation(16))  # not in alphabetical order: the order must survive
    return Cohort(X=X, y=y, genes=genes, samples=tuple(f"s{i:02d}" for i in range(60)), units="vst")


@pytest.fixture(scope="session")
def toy_split(toy_cohort: Cohort) -> Split:
    """Every third toy sample is held out, the others train."""
    held_out = np.arange(60) % 3 == 0
    return Split(toy_cohort.take(~held_out), toy_cohort.take(held_out), fold=1, seed=0)
