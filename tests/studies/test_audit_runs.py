"""An audit is a run like any other: killed, stopped or done elsewhere, it loses nothing and comes to the same bounds."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from runs import bench, environment, make_home, toy_dataset, until

from bench import Cohort
from bench.cli import audit as module
from bench.engine.progress import place_of
from bench.registry import digests
from bench.registry.finding import add_plugin_file
from bench.registry.selection import choose
from bench.store.inventory import kept_keys
from bench.store.store import Store
from bench.studies.audit import Audit
from bench.studies.audit_records import audits_file, read_audits
from bench.studies.suspects import suspects

JOURNAL = '''
import time
from dataclasses import dataclass
from pathlib import Path
from bench import generator

folder = Path({folder!r})

@generator("notes_fits")
@dataclass(kw_only=True)
class NotesFits:
    """Notes each fit, and hangs in the third as long as a file says so."""

    def fit(self, cohort, *, rng):
        with (folder / "journal").open("a") as journal:
            journal.write(f"{{cohort.digest}} ")
        time.sleep(60 if (folder / "hang").exists() and len(fits()) == 3 else {pause})
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        rows = rng.integers(len(self.cohort_), size=n)
        return self.cohort_.synthetic(self.cohort_.X[rows], self.cohort_.y[rows])

def fits():
    return (folder / "journal").read_text().split()
'''
WORDS = ["notes_fits", "--epsilon", "1", "--delta", "0", "--attacks", "mc,gan_leaks", "--runs", "4"]


def plugin(folder: Path, pause: float = 0.0) -> Path:
    path = folder / "notes_fits.py"
    path.write_text(JOURNAL.format(folder=str(folder), pause=pause))
    return path


def use(path: Path) -> None:
    """Load the plugin in a file, also where this process knows an earlier one of that name."""
    sys.modules.pop(f"bench_plugin_{path.stem}", None)
    digests.forget()
    add_plugin_file(path)


def fits(folder: Path) -> list[str]:
    journal = folder / "journal"
    return journal.read_text().split() if journal.exists() else []


@pytest.fixture
def place(toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose generator `notes_fits` notes there what it was fitted on."""
    use(plugin(tmp_path))
    monkeypatch.setattr(module, "load_dataset", lambda name: toy_dataset(toy_cohort))
    return tmp_path


def audit(folder: Path, *words: str) -> Result:
    common = ["--threads", "1", "--jobs", "1", "--out", str(folder / "out")]
    done = CliRunner().invoke(module.command, [*WORDS, *common, *words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def kept(folder: Path) -> pd.DataFrame:
    return read_audits(audits_file(folder / "out", "toy"))


def test_a_training_that_hangs_is_a_sentence_and_costs_no_other(place: Path) -> None:
    (place / "hang").touch()
    lost = audit(place, "--timeout", "6")
    assert lost.exit_code == 1
    assert "training 3 seed 42, sample notes_fits: stopped after 6 s (--timeout)" in lost.output
    assert "1 of 4 trainings were lost, so that no bound can be read (1: stopped after 6 s (--timeout))" in lost.output
    assert not audits_file(place / "out", "toy").exists()
    (place / "hang").unlink()
    assert audit(place, "--timeout", "6").exit_code in (0, 3)
    assert len(fits(place)) == 5
    assert len(set(fits(place))) == 4
    assert len(kept(place)) == 1


def test_the_second_audit_trains_nothing_and_says_the_same(place: Path) -> None:
    first = audit(place, "--executor", "serial")
    second = audit(place, "--executor", "serial")
    assert second.stdout == first.stdout
    assert second.exit_code == first.exit_code
    assert len(fits(place)) == 4
    assert len(kept(place)) == 1
    assert audit(place, "--executor", "serial", "--attacks", "mc").exit_code in (0, 3)  # one attack bounds less
    assert len(fits(place)) == 4  # fewer attacks read what is there


def test_more_trainings_go_on_from_those_that_are_there(place: Path) -> None:
    audit(place, "--executor", "serial")
    audit(place, "--executor", "serial", "--runs", "6")
    assert len(fits(place)) == 6


def test_another_seed_has_other_coins_and_shares_nothing(place: Path) -> None:
    audit(place, "--executor", "serial")
    audit(place, "--executor", "serial", "--seed", "43")
    assert len(set(fits(place))) == 8


def test_a_dry_run_says_what_an_audit_takes_and_trains_nothing(place: Path) -> None:
    said = audit(place, "--dry-run").output
    assert "notes_fits" in said
    assert "12" in said  # 4 trainings, each one release and two attacks
    assert not fits(place)
    assert not audits_file(place / "out", "toy").exists()


def test_enough_failures_end_an_audit(place: Path) -> None:
    (place / "notes_fits.py").write_text(
        (place / "notes_fits.py").read_text().replace("self.cohort_ = cohort", "1 / 0")
    )
    use(place / "notes_fits.py")
    lost = audit(place, "--max-failures", "1")
    assert lost.exit_code == 1
    assert "1: ZeroDivisionError: division by zero; 3: not started: 1 tasks failed (--max-failures)" in lost.output


def test_what_an_audit_needs_is_no_waste(place: Path, toy_cohort: Cohort) -> None:
    audit(place, "--executor", "serial")
    store = Store(place / "out/store")
    asked = Audit(suspects(toy_cohort, 0, 42), choose("generator", "notes_fits")[0], choose("attack", "mc"), 4, 42)
    plan = asked.plan(store, "toy")
    assert {task.key for planned in plan for task in planned.tasks} <= kept_keys(store)
    assert place_of(plan[0]) == "notes_fits training 1 seed 42"


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="kills the process group of a run")
def test_an_audit_that_was_killed_goes_on_where_it_was(toy_cohort: Cohort, tmp_path: Path) -> None:
    make_home(tmp_path, toy_cohort)
    words = ["audit", *WORDS, "--runs", "6", "--dataset", "toy", "--threads", "1", "--jobs", "1"]
    words += ["--plugin", str(plugin(tmp_path, pause=1.0)), "--out", "out"]
    with subprocess.Popen(
        [sys.executable, "-m", "bench", *words],
        cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as run:  # fmt: skip
        try:
            until(lambda: len(fits(tmp_path)) == 3 or run.poll() is not None, "the third training")
        finally:
            run.kill()
    assert run.returncode == -signal.SIGKILL
    done = bench(tmp_path, *words)
    assert done.returncode in (0, 3), done.stderr
    assert len(set(fits(tmp_path))) == 6
    assert len(fits(tmp_path)) <= 7  # the one under way is done again
    whole = bench(tmp_path, *words[:-1], "another")
    assert whole.stdout == done.stdout
    columns = ["bound", "attack", "low", "ceiling", "detail", "verdict"]
    again, before = (read_audits(audits_file(tmp_path / out, "toy"))[columns] for out in ("another", "out"))
    pd.testing.assert_frame_equal(again, before)
