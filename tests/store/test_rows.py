"""The table of results on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from report_rows import row

from bench.store.rows import read_rows, table, write_rows


@pytest.mark.parametrize("start", ["5e4002969594", "431c4a915ba7"])
def test_rows_are_read_by_pandas_whatever_their_keys_begin_with(start: str, tmp_path: Path) -> None:
    key, path = start + "ab" * 26, tmp_path / "rows.csv"
    written = table([row("smote", "mmd", 0.25, 1, key=key), row("noise", "mmd", 0.5, 1, key="")])
    write_rows(path, written, {})
    plain = pd.read_csv(path)  # as a user does; it would end the process at 5e4002969594abab...
    assert plain["key"].fillna("").tolist() == [f"sha256:{key}", ""]
    assert plain["value"].tolist() == [0.25, 0.5]
    again, _ = read_rows(path)
    assert again["key"].tolist() == [key, ""]


def test_rows_of_before_whose_keys_are_bare_are_read(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv", table([row("smote", "mmd", 0.25, 1, key="0a")]), {})
    text = (tmp_path / "rows.csv").read_text(encoding="utf-8")
    (tmp_path / "rows.csv").write_text(text.replace("sha256:", ""), encoding="utf-8")
    assert read_rows(tmp_path / "rows.csv")[0]["key"].tolist() == ["0a"]
