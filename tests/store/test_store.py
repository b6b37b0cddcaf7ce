"""The store holds whole results or none, and tells damage and full disks apart from missing work."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bench import Cohort, StoreError
from bench.store.store import Store, write_atomic

KEY = "ab" * 32


def test_what_is_written_is_read_back(tmp_path: Path, toy_cohort: Cohort) -> None:
    store = Store(tmp_path).open()
    assert not store.has(KEY)
    store.write(KEY, {"values": {"x": float("nan"), "y": 0.1}})
    body = store.read(KEY)
    assert body is not None
    assert body["values"]["y"] == 0.1
    store.write_sample(KEY, toy_cohort)
    sample = store.read_sample(KEY)
    assert sample is not None
    assert sample.digest == toy_cohort.digest


@pytest.mark.parametrize("damage", ["truncate", "alter", "empty"])
def test_a_damaged_result_counts_as_missing_and_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    store = Store(tmp_path).open()
    store.write(KEY, {"values": {"x": 0.5}})
    path = store.path(KEY, ".json")
    text = path.read_text()
    path.write_text({"truncate": text[:-9], "alter": text.replace("0.5", "0.9"), "empty": ""}[damage])
    assert store.read(KEY) is None
    assert "damaged" in caplog.text


def test_a_truncated_sample_counts_as_missing_and_is_reported(
    tmp_path: Path, toy_cohort: Cohort, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path).open()
    store.write_sample(KEY, toy_cohort)
    path = store.path(KEY, ".npz")
    path.write_bytes(path.read_bytes()[:-100])
    assert store.read_sample(KEY) is None
    assert "computed again" in caplog.text


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, lambda f: f.write(b"old"))

    def fail(_file: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(
        StoreError, match=r"No space left on device.*what is finished is kept, then run the command again"
    ):
        write_atomic(target, fail)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="--out"):
        Store(tmp_path / "file" / "store").open()


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "format.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="format 99, of another version of this package; expected 2"):
        Store(tmp_path).open()
    (tmp_path / "format.json").write_text("no json")
    with pytest.raises(StoreError, match="expected a result store"):
        Store(tmp_path).open()
