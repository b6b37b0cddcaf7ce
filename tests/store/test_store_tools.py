"""A store says what is in it, drops what nobody needs and nothing else, finds damage, and travels in one file."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from runs import bench, make_home, planned, small, toy_dataset

from bench import Cohort, StoreError
from bench.engine import records
from bench.engine.plan import PlannedCell, keys_of_plan
from bench.engine.rerun import rows_in
from bench.execution.display import RunProgress
from bench.execution.runner import Limits, execute, pending
from bench.store.heartbeat import Heartbeat
from bench.store.integrity import check_store
from bench.store.inventory import NOBODY, PICTURES, existing, inventory, keep_keys, objects, usage
from bench.store.rows import read_rows
from bench.store.store import Store
from bench.store.sweep import Rule, sweep, waste
from bench.store.transfer import INDEX, export_store, import_store

NOW = Rule(age_s=-1.0)


def done(cohort: Cohort, folder: Path, generators: str, folds: tuple[int, ...] = (1,)) -> list[PlannedCell]:
    """Run a small plan to its end and record it."""
    dataset = toy_dataset(cohort)
    cells = planned(dataset, folder, generators, folds)[1]
    store = Store(folder / "store")
    outcome = execute(cells, pending(cells, store), store, Limits(2, 1, 60), lambda *_: None)
    assert outcome.lost == 0
    records.keep(store, dataset, outcome.rows, records.about(dataset, 1))
    records.publish(store, "toy", folder)
    return cells


FACTS = {"numbers behind a picture, or a fact of a fold": 3}  # that `mmd` computes from real people alone


@pytest.fixture(scope="module")
def original(toy_cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    done(toy_cohort, folder, "multivariate,noise")
    return folder


@pytest.fixture
def out(original: Path, tmp_path: Path) -> Path:
    """A copy of a results folder with one recorded run of two generators on one fold."""
    shutil.copytree(original, tmp_path / "out")
    return tmp_path / "out"


def keys(store: Store) -> set[tuple[str, str]]:
    return {(thing.key, thing.suffix) for thing in objects(store)}


def reasons(store: Store, rule: Rule = NOW) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in waste(store, rule):
        found[item.why] = found.get(item.why, 0) + 1
    return found


# -- what there is -----------------------------------------------------------------------------------------------------


def test_what_is_there_is_listed_by_who_made_it(out: Path) -> None:
    store = existing(out)
    store.write("ab" * 32, {"wall_s": 1.0})
    found = inventory(store)
    steps = {(owner.generator, owner.step): (held.results, held.samples) for owner, held in found.items()}
    assert steps["multivariate", "sample"] == (1, 1)
    assert steps["noise", "metric"] == steps["noise", "attack"] == (1, 0)
    assert list(found)[-2:] == [NOBODY, PICTURES]
    assert found[NOBODY].results == 1
    store.write("ac" * 32, {"pixels": [1]})
    assert inventory(store)[PICTURES].results == 4
    assert reasons(store) == {"a result that no recorded run refers to": 1}
    assert reasons(store, Rule(superseded=True, age_s=-1.0))["numbers behind a picture, or a fact of a fold"] == 4
    assert sum(held.n_bytes for held in usage(store).values()) == sum(
        path.stat().st_size for path in store.root.rglob("*") if path.is_file() and path.name != "format.json"
    )


def test_a_store_of_another_format_is_refused_by_every_command(out: Path, tmp_path: Path) -> None:
    (out / "store/format.json").write_text('{"format": 1}')
    for words in ("ls", "du", "gc", "verify", f"export {tmp_path / 'x.tar'}", f"import {tmp_path / 'x.tar'}"):
        found = bench(tmp_path, "store", *words.split(), "--out", str(out))
        assert found.returncode == 2, words
        assert "has format 1, of another version of this package; expected 2" in found.stderr
    assert bench(tmp_path, "status", "--out", str(out)).returncode == 2


def test_a_store_whose_mark_is_lost_is_not_taken_for_one(out: Path) -> None:
    (out / "store/format.json").unlink()
    with pytest.raises(StoreError, match="there is no result store"):
        existing(out)


# -- what may go -------------------------------------------------------------------------------------------------------


def test_only_what_nobody_needs_goes(out: Path) -> None:
    store = existing(out)
    before = keys(store)
    store.write("ab" * 32, {"wall_s": 1.0})
    (store.root / "objects/ab/.x.json.abcd1234").mkdir(parents=True)
    (store.root / "objects/ab/.x.json.abcd1234/x.json").write_text("half")
    (store.root / "logs").mkdir(exist_ok=True)
    (store.root / "logs/00000000deadbeef.log").write_text("of nobody")
    (store.root / "cohorts" / f"{'cd' * 32}.npz").write_bytes(b"of nobody")
    assert waste(store, Rule()) == []  # all of it is young
    found = waste(store, NOW)
    assert {item.why for item in found} == {
        "a result that no recorded run refers to",
        "left by a writer that died",
        "a log of no recorded run",
        "a copy of a cohort that no recorded run used",
    }
    assert keys(store) > before  # nothing is gone yet
    assert len(sweep(store, found, NOW)) == 4
    assert keys(store) == before
    assert not list(store.root.rglob(".*"))
    assert len(list((store.root / "cohorts").iterdir())) == 1
    assert waste(store, NOW) == []


def test_an_age_protects_what_was_just_written(out: Path) -> None:
    store = existing(out)
    store.write("ab" * 32, {"wall_s": 1.0})
    then = time.time() - 7200
    os.utime(store.path("ab" * 32, ".json"), (then, then))
    store.write("ac" * 32, {"wall_s": 1.0})
    assert [item.key for item in waste(store, Rule())] == ["ab" * 32]


def test_a_dropped_sample_keeps_its_rows_and_is_not_drawn_again(out: Path, toy_cohort: Cohort) -> None:
    store = existing(out)
    rule = Rule(samples=True, age_s=-1.0)
    assert len(sweep(store, waste(store, rule), rule)) == 2
    assert not [key for key, suffix in keys(store) if suffix == ".npz"]
    cells = planned(toy_dataset(toy_cohort), out, "multivariate,noise")[1]
    assert pending(cells, store) == []
    rows, _ = read_rows(out / "rows/toy.csv")
    again = execute(cells, [], store, Limits(1, 1, 60), lambda *_: None).rows
    assert len(again) == len(rows)
    assert (again["status"] == "ok").all()
    lost = next(task for task in cells[0].tasks if task.step == "metric")
    store.path(lost.key, ".json").unlink()
    assert [[task.step for task in tasks] for _, tasks in pending(cells, store)] == [["sample", "metric"]]
    value = rows.loc[rows["key"] == lost.key, "value"].to_list()
    assert execute(cells, pending(cells, store), store, Limits(1, 1, 60), lambda *_: None).lost == 0
    body = store.read(lost.key)
    assert body is not None
    assert sorted(body["values"].values()) == sorted(value)


def test_a_plan_of_samples_alone_draws_a_dropped_one_again(out: Path, toy_cohort: Cohort) -> None:
    store = existing(out)
    cells = planned(toy_dataset(toy_cohort), out, "multivariate")[1]
    alone = [PlannedCell(cell.cell, cell.params, cell.tasks[:1]) for cell in cells]
    assert pending(alone, store) == []
    store.path(cells[0].cell.sample_key, ".npz").unlink()
    assert [[task.step for task in tasks] for _, tasks in pending(alone, store)] == [["sample"]]


def test_a_run_that_goes_and_one_that_can_go_on_lose_nothing(out: Path, toy_cohort: Cohort) -> None:
    store = existing(out)
    cells = planned(toy_dataset(toy_cohort), out, "smote")[1]
    todo = pending(cells, store)
    progress = RunProgress(cells, todo, store, 1, Console(file=io.StringIO()))
    progress.__enter__()
    execute(cells, todo, store, Limits(1, 1, 60), progress)
    assert reasons(store) == {}  # it is under way
    progress.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert reasons(store, Rule(age_s=-1.0, samples=True)) == {"a sample whose results stay": 2}  # and not its own
    given_up = reasons(store, Rule(age_s=-1.0, unfinished=True))
    assert given_up["a sample that no recorded run refers to"] == 1
    assert given_up["the last word of a run that is over"] == 2
    done(toy_cohort, out, "smote")  # another run recorded what it had begun
    assert reasons(store) == {"the last word of a run that is over": 2}
    assert reasons(store, Rule(age_s=-1.0, samples=True))["a sample whose results stay"] == 3


def test_a_run_that_begins_during_the_sweep_keeps_its_objects(out: Path) -> None:
    store = existing(out)
    store.write("ab" * 32, {"wall_s": 1.0})
    found = waste(store, NOW)
    heart = Heartbeat(store, {"argv": ["bench"]}, dict)
    heart.start(["ab" * 32])
    try:
        assert sweep(store, found, NOW) == []
    finally:
        heart.stop("finished")
    assert store.has("ab" * 32)


def test_a_run_that_was_made_anew_can_be_forgotten(out: Path, toy_cohort: Cohort) -> None:
    store = existing(out)
    done(toy_cohort, out, "multivariate,noise,smote")
    assert reasons(store) == {}
    rule = Rule(superseded=True, age_s=-1.0)
    assert reasons(store, rule) == {"the record of a superseded run": 1, **FACTS}
    rows = (out / "rows/toy.csv").read_text()
    sweep(store, waste(store, rule), rule)
    records.publish(store, "toy", out)
    assert (out / "rows/toy.csv").read_text() == rows


def test_a_run_that_found_all_rows_in_the_store_points_to_them(out: Path, toy_cohort: Cohort, tmp_path: Path) -> None:
    store = existing(out)
    (first,) = (store.root / "runs").glob("*.json")
    rows = (out / "rows/toy.csv").read_text()
    for _ in range(2):
        done(toy_cohort, out, "multivariate,noise")
    later = [path for path in sorted((store.root / "runs").glob("*.json")) if path != first]
    assert [json.loads(path.read_text())["rows_in"] for path in later] == [first.stem, first.stem]
    assert (out / "rows/toy.csv").read_text() == rows
    assert len(rows_in(later[1])["toy"]) == len(read_rows(out / "rows/toy.csv")[0])
    assert not [checked for checked in check_store(store) if checked.problem]
    assert reasons(store, Rule(superseded=True, age_s=-1.0)) == FACTS
    export_store(store, tmp_path / "x.zip", [], [later[1].stem], samples=False)
    assert import_store(Store(tmp_path / "there/store").open(), tmp_path / "x.zip").runs == 2
    done(toy_cohort, out, "multivariate,noise,smote")
    assert reasons(store, Rule(superseded=True, age_s=-1.0)) == FACTS  # two runs point to the first


def test_a_record_that_cannot_be_read_stops_the_sweep(out: Path) -> None:
    store = existing(out)
    next((store.root / "runs").glob("*.json")).write_text("{")
    with pytest.raises(StoreError, match="nothing was removed"):
        waste(store, NOW)


def test_a_store_without_any_recorded_run_is_not_emptied(tmp_path: Path) -> None:
    store = Store(tmp_path / "store").open()
    store.write("ab" * 32, {"wall_s": 1.0})
    with pytest.raises(StoreError, match="everything in it would go"):
        waste(store, NOW)


def test_what_a_study_noted_stays(out: Path, toy_cohort: Cohort) -> None:
    store = existing(out)
    cells = planned(toy_dataset(toy_cohort), out, "smote")[1]
    execute(cells, pending(cells, store), store, Limits(1, 1, 60), lambda *_: None)
    assert reasons(store)["a result that no recorded run refers to"] == 3
    keep_keys(store, "study", keys_of_plan(cells))
    assert reasons(store) == {}


# -- damage ------------------------------------------------------------------------------------------------------------


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def test_all_damage_is_found_and_what_can_be_made_again_is_removed(out: Path, tmp_path: Path) -> None:
    store = existing(out)
    assert not [checked for checked in check_store(store) if checked.problem]
    assert bench(tmp_path, "store", "verify", "--out", str(out)).returncode == 0
    result = next(store.root.glob("objects/*/*.json"))
    result.write_text(result.read_text().replace("0", "1"))
    sample = next(store.root.glob("objects/*/*.npz"))
    cohort = next(store.root.glob("cohorts/*.npz"))
    damage(sample)
    damage(cohort)
    found = bench(tmp_path, "store", "verify", "--out", str(out))
    assert found.returncode == 1
    assert sorted(line.split(": ")[0] for line in found.stdout.splitlines()[:-1]) == sorted(
        map(str, (result, sample, cohort))
    )
    mended = bench(tmp_path, "store", "verify", "--mend", "--out", str(out))
    assert mended.returncode == 0
    assert not result.exists()
    assert not sample.exists()
    assert not cohort.exists()


def test_a_record_of_a_run_is_checked_and_never_removed(out: Path, tmp_path: Path) -> None:
    record = next((out / "store/runs").glob("*.json"))
    damage(record)
    found = bench(tmp_path, "store", "verify", "--mend", "--out", str(out))
    assert found.returncode == 1
    assert "no run can make it again" in found.stdout
    assert record.exists()


# -- on the way --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_results_travel_in_one_file(out: Path, tmp_path: Path, ending: str, toy_cohort: Cohort) -> None:
    file, there = tmp_path / f"x.{ending}", tmp_path / "there"
    packed = bench(tmp_path, "store", "export", str(file), "--out", str(out))
    assert packed.returncode == 0, packed.stderr
    assert "1 run, 6 results, 1 sample," in packed.stdout  # the control's sample stays behind
    brought = bench(tmp_path, "store", "import", str(file), "--out", str(there))
    assert brought.returncode == 0, brought.stderr
    assert (there / "rows/toy.csv").read_text() == (out / "rows/toy.csv").read_text()
    cells = planned(toy_dataset(toy_cohort), there, "multivariate,noise")[1]
    assert pending(cells, Store(there / "store")) == []
    again = bench(tmp_path, "store", "import", str(file), "--out", str(there))
    assert "8 files were there before" in again.stdout
    assert sorted(path.name for path in (there / "store").iterdir()) == ["cohorts", "format.json", "objects", "runs"]


def test_what_is_there_stays_and_what_is_damaged_is_replaced(out: Path, tmp_path: Path) -> None:
    store = existing(out)
    export_store(store, tmp_path / "x.tar", [], [], samples=False)
    first, second = sorted(store.root.glob("objects/*/*.json"))[:2]
    body = store.read(first.stem)
    store.write(first.stem, {**(body or {}), "mine": True})
    damage(second)
    assert import_store(store, tmp_path / "x.tar").kept == 6
    assert (store.read(first.stem) or {})["mine"]
    assert store.read(second.stem) is not None


def test_only_chosen_runs_are_packed_and_unknown_ones_are_errors(out: Path, tmp_path: Path) -> None:
    store = existing(out)
    (run,) = (path.stem for path in (store.root / "runs").glob("*.json"))
    assert export_store(store, tmp_path / "x.zip", ["toy"], [run], samples=True).runs == 1
    with pytest.raises(StoreError, match="no run of 'brca'"):
        export_store(store, tmp_path / "y.zip", ["brca"], [], samples=True)
    with pytest.raises(StoreError, match="has no run 'x'"):
        export_store(store, tmp_path / "y.zip", [], ["x"], samples=True)
    with pytest.raises(StoreError, match="must end in"):
        export_store(store, tmp_path / "y.rar", [], [], samples=True)
    assert not list(tmp_path.glob("y*"))


KEY = "ab" * 32
GOOD = f"objects/ab/{KEY}.json"


def pack(path: Path, members: dict[str, bytes], index: dict[str, object] | None = None) -> None:
    from hashlib import sha256

    digests = {name: {"sha256": sha256(data).hexdigest(), "bytes": len(data)} for name, data in members.items()}
    text = json.dumps({"index": 1, "store": 2, "members": digests, **(index or {})}).encode()
    with zipfile.ZipFile(path, "w") as zipped:
        for name, data in {**members, INDEX: text}.items():
            zipped.writestr(name, data)


def result(root: Path) -> bytes:
    store = Store(root / "scratch").open()
    store.write(KEY, {"values": {}})
    return store.path(KEY, ".json").read_bytes()


def a_record(**change: object) -> bytes:
    return json.dumps({"slug": "toy", "rows": [], "about": {"data": {}}, **change}).encode()


@pytest.mark.parametrize(
    ("members", "index", "said"),
    [
        ({"../evil.json": b"{}"}, None, "has the name '../evil.json'"),
        ({"/etc/passwd": b"{}"}, None, "has the name '/etc/passwd'"),
        ({f"objects/ab/../../{KEY}.json": b"{}"}, None, "has the name"),
        ({f"objects/cd/{KEY}.json": b"{}"}, None, "has the name"),
        ({f"objects/ab/{KEY}.pkl": b"{}"}, None, "has the name"),
        ({"format.json": b"{}"}, None, "has the name"),
        ({GOOD: b"no json"}, None, "the result is damaged"),
        ({GOOD: b"{}"}, {"members": {GOOD: {"sha256": "0" * 64, "bytes": 2}}}, "is not what the index says"),
        ({GOOD: b"{}" * 99}, {"members": {GOOD: {"sha256": "0" * 64, "bytes": 2}}}, "is not what the index says"),
        ({GOOD: b"{}"}, {"members": {}}, "lacks members that its index names, or has others"),
        ({GOOD: b"{}"}, {"store": 1}, "store format 1; expected 2"),
        ({GOOD: b"{}"}, {"members": 7}, "is damaged or no file of"),
        ({"runs/20260101T000000000000-00000000.json": a_record(slug="../../x")}, None, "does not say on which data"),
        ({"runs/20260101T000000000000-00000000.json": b"[]"}, None, "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_would_do_harm_is_refused_whole(
    tmp_path: Path, members: dict[str, bytes], index: dict[str, object] | None, said: str
) -> None:
    store = Store(tmp_path / "out/store").open()
    other = f"objects/cd/{'cd' * 32}.json"
    pack(tmp_path / "x.zip", members, index)
    with pytest.raises(StoreError, match=said.replace("(", r"\(")):
        import_store(store, tmp_path / "x.zip")
    assert sorted(path.name for path in store.root.iterdir()) == ["format.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.zip"]
    assert other not in members


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "folder", "device"])
def test_links_and_devices_in_a_file_are_refused(tmp_path: Path, kind: str) -> None:
    info = tarfile.TarInfo(GOOD)
    info.type = {"symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "folder": tarfile.DIRTYPE}.get(
        kind, tarfile.CHRTYPE
    )
    info.linkname = "/etc/passwd"
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.addfile(info)
    with pytest.raises(StoreError, match="is no plain file"):
        import_store(Store(tmp_path / "store").open(), tmp_path / "x.tar")


def test_a_link_in_a_zip_and_a_member_that_comes_twice_are_refused(tmp_path: Path, recwarn: object) -> None:
    link = zipfile.ZipInfo(GOOD)
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    with tarfile.open(tmp_path / "twice.tar", "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo(GOOD), io.BytesIO())
    store = Store(tmp_path / "store").open()
    with pytest.raises(StoreError, match="is no plain file"):
        import_store(store, tmp_path / "link.zip")
    with pytest.raises(StoreError, match="expected a file of `bench store export`"):
        import_store(store, tmp_path / "twice.tar")


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"x" * 5000)])
def test_something_else_than_an_export_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "x.tar")
    with pytest.raises(StoreError, match="bench store export"):
        import_store(Store(tmp_path / "store").open(), tmp_path / "x.tar")


@pytest.mark.full
def test_the_room_and_the_waste_are_shown_in_a_shell(toy_cohort: Cohort, tmp_path: Path) -> None:
    make_home(tmp_path, toy_cohort)
    assert bench(tmp_path, *small("--generators", "multivariate,noise")).returncode == 0
    listed = bench(tmp_path, "store", "ls")
    assert listed.returncode == 0, listed.stderr
    assert any(line.split()[:5] == ["toy", "multivariate", "sample", "2", "2"] for line in listed.stdout.splitlines())
    assert "samples" in bench(tmp_path, "store", "du").stdout
    shown = bench(tmp_path, "store", "gc", "--samples", "--older-than", "0", "--dry-run")
    assert "4" in shown.stdout
    assert "would go" in shown.stdout
    assert len(list((tmp_path / "results/store").glob("objects/*/*.npz"))) == 4
    picture = (tmp_path / "results/leaderboard/toy_pca.png").read_bytes()
    removed = bench(tmp_path, "store", "gc", "--samples", "--older-than", "0")
    assert "removed" in removed.stdout
    assert not list((tmp_path / "results/store").glob("objects/*/*.npz"))
    again = bench(tmp_path, *small("--generators", "multivariate,noise,smote"))
    assert again.returncode == 0, again.stderr
    assert "6 tasks computed, 12 from the store, 0 lost" in again.stderr
    assert "stays as it is: the samples of multivariate, noise were dropped" in again.stderr
    assert (tmp_path / "results/leaderboard/toy_pca.png").read_bytes() == picture
