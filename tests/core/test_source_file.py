import os
import sys
from pathlib import Path

import pytest

from bench.core.source_file import import_source_file


def test_a_file_changed_within_the_second_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "plugin.py"
    path.write_text("VALUE = 0")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert import_source_file("bench_test_before", path).VALUE == 0
    path.write_text("VALUE = 3")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert import_source_file("bench_test_after", path).VALUE == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_imported_once_and_again_where_it_failed(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text("raise RuntimeError('not yet')")
    with pytest.raises(RuntimeError, match="not yet"):
        import_source_file("bench_test_mended", path)
    path.write_text("VALUE = object()")
    first = import_source_file("bench_test_mended", path)
    assert import_source_file("bench_test_mended", path).VALUE is first.VALUE
