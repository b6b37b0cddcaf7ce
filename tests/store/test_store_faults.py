"""The store tells damage, absence and a failing file system apart, and never trusts a clock or a half-written file."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted import generator, metric
from runs import numbers, plan, run, sample_row, scope_of, toy_dataset

from bench import Cohort, DataError, StoreError, read_cohort
from bench.core import files
from bench.core.cohort_file import write_npz
from bench.engine import records
from bench.engine.tasks import log_of
from bench.execution.runner import Limits, execute, pending
from bench.store.rows import read_rows
from bench.store.store import Store, write_atomic

KEY = "ab" * 32


@pytest.fixture(scope="module")
def small() -> Cohort:
    return Cohort(
        X=np.arange(6.0).reshape(3, 2), y=["a", "b", "a"], genes=("G1", "G2"), samples=("s1", "s2", "s3"), units="vst"
    )


def flipped(data: bytes) -> Iterator[bytes]:
    """Yield the data with one bit turned over, in each byte another one."""
    for i in range(len(data)):
        yield data[:i] + bytes([data[i] ^ (1 << i % 8)]) + data[i + 1 :]


def test_no_flipped_bit_of_a_sample_is_taken_for_the_truth(small: Cohort, tmp_path: Path) -> None:
    store = Store(tmp_path).open()
    store.write_sample(KEY, small)
    path = store.path(KEY, ".npz")
    survived = 0
    for data in flipped(path.read_bytes()):
        path.write_bytes(data)
        found = store.read_sample(KEY)
        assert found is None or found.digest == small.digest  # a bit that says nothing, such as a date in the zip file
        survived += found is not None
    assert survived < 0.5 * len(data)


def test_no_flipped_bit_of_a_result_is_taken_for_the_truth(tmp_path: Path) -> None:
    store = Store(tmp_path).open()
    body = {"values": {"auc": 0.625, "none": None}, "wall_s": 1.5}
    store.write(KEY, body)
    path = store.path(KEY, ".json")
    for data in flipped(path.read_bytes()):
        path.write_bytes(data)
        assert store.read(KEY) in (None, body)


@pytest.mark.parametrize("kept", range(0, 1500, 50))
def test_no_truncated_file_is_taken_for_the_truth(small: Cohort, tmp_path: Path, kept: int) -> None:
    store = Store(tmp_path).open()
    store.write_sample(KEY, small)
    store.write(KEY, {"values": {"auc": 0.625}})
    for suffix in (".npz", ".json"):
        path = store.path(KEY, suffix)
        path.write_bytes(path.read_bytes()[: min(kept, path.stat().st_size - 1)])
    assert store.read_sample(KEY) is None
    assert store.read(KEY) is None


def test_a_sample_whose_content_was_exchanged_is_noticed_by_its_digest(small: Cohort, tmp_path: Path) -> None:
    path = tmp_path / "cohort.npz"
    write_npz(path, small)
    with np.load(path) as z:
        arrays = dict(z)
    np.savez(path, **{**arrays, "X": arrays["X"] + 1})  # whole, with right checksums
    with pytest.raises(DataError, match="its digest differs"):
        read_cohort(path)


def test_a_cohort_that_an_older_version_wrote_is_read(small: Cohort, tmp_path: Path) -> None:
    path = tmp_path / "cohort.npz"
    write_npz(path, small)
    with np.load(path) as z:
        np.savez(path, **{name: z[name] for name in z.files if name != "sha256"})
    assert read_cohort(path).digest == small.digest


def test_a_damaged_copy_of_a_cohort_is_written_again(small: Cohort, tmp_path: Path) -> None:
    store = Store(tmp_path).open()
    path = store.keep_cohort(small)
    data = bytearray(path.read_bytes())
    data[data.index(small.X.tobytes())] ^= 1
    path.write_bytes(data)
    assert read_cohort(store.keep_cohort(small)).digest == small.digest


def test_damage_found_in_a_run_is_reported_computed_again_and_changes_no_row(
    toy_cohort: Cohort, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    cells = plan(scope, "noise,multivariate")
    first = run(scope, cells).rows
    for path in (tmp_path / "store" / "objects").rglob("*.*"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    second = run(scope, cells)
    assert second.cached == 0
    assert caplog.text.count("it is computed again") >= len(cells[0].tasks) * 2
    pd.testing.assert_frame_equal(numbers(first), numbers(second.rows), check_exact=True)


class Failing:
    """A planted file system: writing fails a number of times, then works."""

    def __init__(self, code: int, times: int) -> None:
        self.code, self.left, self.calls = code, times, 0

    def __call__(self, file: object) -> None:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise OSError(self.code, os.strerror(self.code))
        file.write(b"whole")  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOENT])
def test_a_file_system_that_fails_for_a_moment_is_asked_again(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_PAUSES", (0.0, 0.0, 0.0))
    write = Failing(code, 3)
    write_atomic(tmp_path / "file", write)
    assert (tmp_path / "file").read_bytes() == b"whole"
    with pytest.raises(StoreError, match=os.strerror(code)):
        write_atomic(tmp_path / "other", Failing(code, 4))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_full_or_forbidden_disk_is_not_asked_again(tmp_path: Path, code: int) -> None:
    write = Failing(code, 1)
    with pytest.raises(StoreError, match="make it writable or choose another folder"):
        write_atomic(tmp_path / "file", write)
    assert write.calls == 1
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_cannot_be_read_is_an_error_and_not_computed_again(tmp_path: Path) -> None:
    store = Store(tmp_path).open()
    for suffix, read in ((".json", store.read), (".npz", store.read_sample)):
        store.path(KEY, suffix).mkdir(parents=True)  # reading it fails, whoever asks
        if suffix == ".json":
            with pytest.raises(StoreError, match="It may hold a result"):
                read(KEY)


def test_temporaries_of_dead_writers_are_never_read_and_go_with_the_next_write(small: Cohort, tmp_path: Path) -> None:
    store = Store(tmp_path).open()
    place = store.path(KEY, ".npz").parent
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(place / f"{KEY}.npz")], check=False)
    assert [path.name[:65] for path in place.iterdir()] == [f".{KEY}"]
    assert store.read_sample(KEY) is None
    other = f".{KEY}.npz.00000000-1.abcdefgh"  # of another machine, whose processes nobody here can see
    living = next(place.iterdir()).with_name(f".{KEY}.npz.{files._machine()}-{os.getpid()}.abcdefgh")
    (place / other).mkdir()
    living.mkdir()
    store.write_sample(KEY, small)
    assert {path.name for path in place.iterdir()} == {f"{KEY}.npz", other, living.name}


WRITE_AND_DIE = """
import os, sys
from pathlib import Path
from bench.store.store import write_atomic
def write(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), 9)
write_atomic(Path(sys.argv[1]), write)
"""


def test_a_record_follows_all_others_though_the_clock_was_set_back(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    cells = plan(scope, "noise")
    rows = run(scope, cells).rows
    facts = records.about(scope.dataset, 1)
    first = records.keep(scope.store, scope.dataset, rows, facts)
    future = f"{datetime.now(UTC) + timedelta(days=9999):%Y%m%dT%H%M%S%f}-00000000.json"
    first.rename(first.with_name(future))  # as if the clock had been far ahead
    newer = rows.assign(wall_s=123.0)
    for _ in range(3):
        last = records.keep(scope.store, scope.dataset, newer, facts)
    assert last.name[:21] == f"{future[:20]}{int(future[20]) + 3}" or last.name > future
    found, _ = read_rows(records.publish(scope.store, scope.dataset.slug, tmp_path / "out"))
    assert set(found["wall_s"]) == {123.0}


def test_times_of_files_decide_nothing(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    cells = plan(scope, "noise")
    run(scope, cells)
    for i, path in enumerate(sorted((tmp_path / "store").rglob("*"))):
        os.utime(path, (0, 0) if i % 2 else (4e9, 4e9))
    assert pending(cells, scope.store) == []


def test_two_runs_on_one_store_at_once_both_succeed_with_the_same_rows(toy_cohort: Cohort, tmp_path: Path) -> None:
    import threading

    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    cells = plan(scope, "noise,multivariate,copy_train", folds=(1, 2))
    todo = pending(cells, scope.store)  # both see the same work, all of it
    found: list[pd.DataFrame] = []

    def go() -> None:
        found.append(execute(cells, todo, scope.store, Limits(1, 1, 120), lambda *_: None).rows)

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(rows["status"]) for rows in found] == [{"ok"}, {"ok"}]
    pd.testing.assert_frame_equal(*map(numbers, found), check_exact=True)
    assert not list((tmp_path / "store").rglob(".*"))


def test_a_store_in_a_folder_that_a_plugin_leaves_is_still_found(
    toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scope = scope_of(toy_dataset(toy_cohort), Path("results"))
    name = generator(tmp_path, "wanders", "os.chdir('/')")
    assert run(scope, plan(scope, name)).lost == 0


# -- real file systems -------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 KiB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_ends_the_run_and_keeps_what_is_finished(toy_cohort: Cohort, tiny_disk: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tiny_disk)
    ballast = tiny_disk / "ballast"
    fill = f"with open({str(ballast)!r}, 'ab', 0) as f:\n    while True: f.write(bytes(1024))"
    body = f"import contextlib\nwith contextlib.suppress(OSError):\n    {fill.replace(chr(10), chr(10) + '    ')}\nprint('x' * 100_000)"
    with tempfile.TemporaryDirectory() as folder:
        name = generator(Path(folder), "fills_the_disk", body)
        cells = plan(scope, f"noise,{name},multivariate")
        with pytest.raises(StoreError, match=r"No space left on device.*what is finished is kept"):
            run(scope, cells, Limits(1, 1, 120))
        assert len(cells[0].missing(scope.store)) == 0
        with pytest.raises(StoreError, match="No space left on device"):  # before any work is done
            run(scope, cells, Limits(1, 1, 120))
        ballast.unlink()
        generator(Path(folder), "fills_the_disk", "")
        resumed = run(scope, plan(scope, f"noise,{name},multivariate"), Limits(1, 1, 120))
    assert resumed.lost == 0
    assert resumed.cached == 3


def test_a_file_that_may_not_grow_is_a_clear_error(small: Cohort, tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from bench.store.store import Store; from bench import StoreError\n"
        "store = Store(Path(sys.argv[1])).open(); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: store.write('ab' * 32, {'x': 'y' * 1000})\n"
        "except StoreError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name != "objects"] == ["format.json"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100


def test_a_store_that_is_read_only_serves_what_is_in_it_and_refuses_work_at_once(
    toy_cohort: Cohort, tmp_path: Path
) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    mark = tmp_path / "worked"
    name = generator(tmp_path, "works", f"Path({str(mark)!r}).touch()")
    run(scope, plan(scope, "noise"))
    bind = ["mount", "--bind", str(tmp_path / "store"), str(tmp_path / "store")]
    if os.geteuid() or subprocess.run(bind, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(tmp_path / "store")], check=True)
        assert run(scope, plan(scope, "noise")).cached == 3
        with pytest.raises(StoreError, match=r"Read-only file system.*make it writable"):
            run(scope, plan(scope, f"noise,{name}"))
        assert not mark.exists()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "store")], check=True)


def test_the_log_of_a_failure_is_named(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    bad = metric(tmp_path, "fails", "raise ValueError('singular')")
    cells = plan(scope, "noise", metrics=bad)
    assert (run(scope, cells).rows["reason"] == "ValueError: singular").any()
    log = log_of(cells[0].cell, cells[0].tasks[1])
    assert "Traceback" in log.read_text()
    assert json.loads((tmp_path / "store" / "format.json").read_text()) == {"format": 2}
    assert sample_row(run(scope, cells).rows, "noise")["status"] == "ok"
