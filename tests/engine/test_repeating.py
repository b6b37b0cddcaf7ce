"""A run can be repeated from its manifest, and every row that came out otherwise is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import bench, bench_program, make_home, small

from bench import Cohort, StoreError
from bench.engine.environment import commit, variables
from bench.engine.manifest import differences, read_manifest
from bench.engine.rerun import words_of
from bench.store.row_equality import compare_rows, rows_digest
from bench.store.rows import COLUMNS, read_rows, table

PLUGIN = '''
from dataclasses import dataclass
from bench import generator

@generator("shifted")
@dataclass(kw_only=True)
class Shifted:
    """Release the training samples, moved."""

    by: float = 1.0

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        return self.cohort_.synthetic(self.cohort_.X[:n] + self.by, self.cohort_.y[:n])
'''


@pytest.fixture(scope="module")
def place(toy_cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run of a built-in generator and of one in a file."""
    folder = tmp_path_factory.mktemp("repeating")
    make_home(folder, toy_cohort)
    (folder / "shifted.py").write_text(PLUGIN)
    words = ("--generators", "multivariate,shifted[by=0.5]", "--plugin", "shifted.py", "--seeds", "7")
    done = bench_program(folder, *small(*words))
    assert done.returncode == 0, done.stderr
    return folder


MANIFEST = "results/rows/toy.manifest.json"


def manifest(place: Path) -> dict[str, object]:
    return json.loads((place / MANIFEST).read_text())


def test_a_manifest_says_what_was_run_on_what_and_with_what(place: Path) -> None:
    found = read_manifest(place / MANIFEST)
    assert found["request"]["generators"] == ["multivariate", "shifted[by=0.5]"]
    assert (found["request"]["seeds"], found["request"]["folds"]) == ([7], [1, 2])
    assert (found["request"]["metrics"], found["request"]["attacks"]) == (["mmd"], ["mc"])
    assert found["request"]["threads"] == 1
    assert len(found["data"]["digest"]) == 64
    assert len(found["data"]["splits"]) == 5
    assert found["versions"]["numpy"] == np.__version__
    assert found["hardware"]["cpus"] > 0
    assert found["argv"][:2] == ["bench", "run"]
    assert [Path(file["path"]).name for file in found["plugin_files"]] == ["shifted.py"]
    assert {"generator multivariate", "metric mmd", "attack mc", "bench.statistics.membership"} <= found["code"].keys()
    rows, _ = read_rows(place / "results/rows/toy.csv")
    assert found["rows"] == {"n": len(rows), "sha256": rows_digest(rows)}
    record = place / f"results/store/runs/{found['record']}.json"
    assert read_manifest(record) == found


def test_a_run_repeated_in_a_fresh_folder_gives_every_row_again(place: Path) -> None:
    done = bench_program(place, "rerun", MANIFEST, "--out", "again")
    assert done.returncode == 0, done.stderr
    assert "12 tasks computed, 0 from the store, 0 lost" in done.stderr
    checked = bench(place, "verify", MANIFEST, "--out", "again")
    assert checked.returncode == 0, checked.stdout
    n = len(read_rows(place / "again/rows/toy.csv")[0]) - 8  # wall_s and peak_mb of four cells
    assert checked.stdout == f"toy: {n} rows equal, 0 equal within the tolerance, 0 different, 0 missing, 0 extra\n"
    both = read_manifest(place / MANIFEST), read_manifest(place / "again/rows/toy.manifest.json")
    assert both[0]["rows"] == both[1]["rows"]
    resumed = bench(place, "rerun", MANIFEST, "--out", "again")
    assert bench(place, "verify", "again/rows/toy.manifest.json").returncode == 0
    assert "0 tasks computed, 12 from the store, 0 lost" in resumed.stderr


def test_a_repetition_takes_nothing_from_a_folder_that_is_not_its_own(place: Path) -> None:
    done = bench(place, "rerun", MANIFEST, "--out", "results")
    assert done.returncode == 2
    assert "is not empty; name a fresh folder" in done.stderr


def test_a_tampered_row_is_found(place: Path, tmp_path: Path) -> None:
    assert bench(place, "verify", MANIFEST).returncode == 0
    rows = place / "results/rows/toy.csv"
    text = rows.read_text()
    frame = pd.read_csv(rows, keep_default_na=False, dtype=str)
    at = frame.index[frame["measure"] == "mmd"][0]
    frame.loc[at, "value"] = repr(float(frame.loc[at, "value"]) * 1.01)
    frame = frame.drop(frame.index[frame["measure"] == "auc"][-1])
    try:
        rows.write_text(frame.to_csv(index=False))
        done = bench(place, "verify", MANIFEST)
    finally:
        rows.write_text(text)
    assert done.returncode == 1
    assert "0 equal within the tolerance, 1 different, 1 missing, 0 extra" in done.stdout
    assert "toy multivariate fold 1 seed 7: mmd: value" in done.stdout
    assert "missing: toy shifted[by=0.5] fold 2 seed 7: auc of mc" in done.stdout


def test_without_the_record_the_digest_still_tells(place: Path, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    for name in ("toy.csv", "toy.json", "toy.manifest.json"):
        (tmp_path / "rows" / name).write_bytes((place / "results/rows" / name).read_bytes())
    path = str(tmp_path / "rows/toy.manifest.json")
    assert bench(place, "verify", path).returncode == 0
    rows = tmp_path / "rows/toy.csv"
    rows.write_text(rows.read_text().replace(",ok,", ",failed,", 1))
    done = bench(place, "verify", path)
    assert done.returncode == 1
    assert "the rows are not those of the manifest" in done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m["data"].update(digest="0" * 64), "changed: data toy, digest: 000000000000 -> "),
        (lambda m: m["versions"].update(numpy="0.1"), f"changed: version of numpy: 0.1 -> {np.__version__}"),
        (lambda m: m["plugin_files"][0].update(sha256="0" * 64), "shifted.py: 000000000000 -> "),
        (lambda m: m["plugin_files"][0].update(path="/nowhere/shifted.py"), "-> not there"),
        (lambda m: m["code"].update({"metric mmd": "0" * 64}), "changed: code of metric mmd: 000000000000 -> "),
        (
            lambda m: m["code"].update({"bench.gone": "0" * 64}),
            "changed: code of bench.gone: 000000000000 -> not there",
        ),
    ],
)
def test_what_is_no_longer_as_it_was_is_said_and_stops_the_repetition(place: Path, change: object, said: str) -> None:
    document = manifest(place)
    change(document)  # type: ignore[operator]
    (place / "changed.json").write_text(json.dumps(document))
    done = bench(place, "rerun", "changed.json", "--out", "changed")
    assert done.returncode == 2
    assert said in done.stderr
    assert "with --anyway" in done.stderr
    assert not (place / "changed").exists()


def test_a_module_that_moved_to_another_room_is_found_by_its_name(place: Path) -> None:
    document = read_manifest(place / MANIFEST)
    code = dict(document["code"])
    code["bench.before.views"] = code.pop("bench.boundary.views")
    assert list(differences({**document, "code": code}, document["data"])) == []
    code["bench.before.views"] = "0" * 64
    assert [line[:35] for line in differences({**document, "code": code}, document["data"])] == [
        "code of bench.before.views: 0000000"
    ]


@pytest.mark.full
def test_a_changed_plugin_file_is_run_anyway_when_asked_and_the_rows_differ(place: Path) -> None:
    plugin = place / "shifted.py"
    plugin.write_text(PLUGIN.replace("+ self.by", "+ 2 * self.by"))
    try:
        done = bench_program(place, "rerun", MANIFEST, "--out", "anyway", "--anyway")  # a process reads a file once
    finally:
        plugin.write_text(PLUGIN)
    assert done.returncode == 0, done.stderr
    assert "changed: code of generator shifted" in done.stderr
    checked = bench(place, "verify", MANIFEST, "--out", "anyway")
    assert checked.returncode == 1
    assert "toy shifted[by=0.5] fold" in checked.stdout
    assert "multivariate fold" not in checked.stdout


def test_two_folders_are_compared_and_another_seed_is_no_repetition(place: Path) -> None:
    done = bench(place, *small("--generators", "multivariate", "--seeds", "8", "--out", "other"))
    assert done.returncode == 0, done.stderr
    checked = bench(place, "verify", "results", "other")
    assert checked.returncode == 1
    assert "0 rows equal" in checked.stdout
    assert "missing: toy multivariate fold 1 seed 7" in checked.stdout
    assert "extra: toy multivariate fold 1 seed 8" in checked.stdout


def test_what_is_not_there_cannot_be_compared(place: Path) -> None:
    done = bench(place, "verify", MANIFEST, "--out", "nowhere")
    assert done.returncode == 2
    assert "nowhere does not exist" in done.stderr


def test_something_else_than_a_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text, said in (("{}", "is no manifest"), ("[1]", "is no manifest"), ('{"manifest": 99}', "has format 99")):
        path.write_text(text)
        with pytest.raises(StoreError, match=said):
            read_manifest(path)
    with pytest.raises(StoreError, match="is no manifest"):
        read_manifest(tmp_path / "nowhere.json")


def test_the_command_names_what_was_called_all(place: Path) -> None:
    words = words_of(read_manifest(place / MANIFEST), Path("/fresh"))
    assert words[words.index("--attacks", words.index("--attacks") + 1) + 1] == "mc"
    assert words[-2:] == ["--out", "/fresh"]


# -- comparing tables --------------------------------------------------------------------------------------------------


def row(measure: str, value: float, **other: object) -> dict[str, object]:
    base = dict.fromkeys(COLUMNS, "") | {"dataset": "toy", "fold": 1, "seed": 1, "generator": "g", "status": "ok"}
    return {**base, "measure": measure, "value": value, "low": np.nan, "high": np.nan, **other}


def test_rows_are_compared_bit_by_bit_within_a_tolerance_and_without_the_clock() -> None:
    old = table([row("a", 0.1), row("b", 100.0), row("c", np.nan), row("d", 1.0), row("wall_s", 1.0, family="cost")])
    new = table([row("c", np.nan), row("b", 100.00001), row("a", 0.1), row("wall_s", 9.0, family="cost")])
    verdict = compare_rows(old, new)
    assert (verdict.equal, verdict.close, verdict.different, verdict.missing, verdict.extra) == (2, 1, 0, 1, 0)
    assert compare_rows(old, new, tolerance=0).different == 1
    small = [compare_rows(table([row("a", 1e-3)]), table([row("a", v)])).different for v in (1.001e-3, 1e-3 + 1e-12)]
    assert small == [1, 0]
    assert compare_rows(table([row("a", 0.0)]), table([row("a", 1e-17)])).close == 1
    assert not verdict.same
    assert verdict.worst[0].startswith("toy g fold 1 seed 1: b: value")


@pytest.mark.parametrize(
    "change",
    [
        {"value": np.nan},
        {"value": np.inf},
        {"low": 0.2},
        {"status": "failed", "value": np.nan},
        {"mechanism": "another"},
    ],
)
def test_every_kind_of_change_is_a_difference(change: dict[str, object]) -> None:
    old = table([row("epsilon", 1.0, family="claim"), row("a", 0.5)])
    new = table(
        [
            row("epsilon", 1.0, family="claim", **change)
            if "value" not in change
            else row("epsilon", **{"value": 1.0, "family": "claim", **change}),
            row("a", 0.5),
        ]
    )  # type: ignore[arg-type]
    verdict = compare_rows(old, new)
    assert (verdict.equal, verdict.different, len(verdict.worst)) == (1, 1, 1)
    assert compare_rows(old, old).same


def test_the_digest_of_rows_sees_numbers_and_neither_order_nor_time() -> None:
    rows = [row("a", 0.1), row("b", 1 / 3), row("wall_s", 1.0, family="cost")]
    digest = rows_digest(table(rows))
    assert rows_digest(table([rows[1], {**rows[2], "value": 7.0}, {**rows[0], "wall_s": 3.0}])) == digest
    assert rows_digest(table([rows[0], {**rows[1], "value": np.nextafter(1 / 3, 1)}])) != digest


# -- surroundings ------------------------------------------------------------------------------------------------------


def test_no_secret_gets_into_a_manifest_nor_what_was_set_later(monkeypatch: pytest.MonkeyPatch) -> None:
    assert variables({"BENCH_API_TOKEN": "hush", "OMP_NUM_THREADS": "1", "HOME": "/x"}) == {"OMP_NUM_THREADS": "1"}
    monkeypatch.setenv("BENCH_SET_LATER", "1")
    if Path("/proc/self/environ").exists():
        assert "BENCH_SET_LATER" not in variables()


def test_the_commit_is_that_of_the_package_or_none() -> None:
    found = commit()
    assert found is None or (len(found["commit"]) == 40 and isinstance(found["dirty"], bool))
