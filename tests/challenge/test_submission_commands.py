"""The commands for entries of strangers: pack, check, score, and run their code for those who trust it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import runs
import yaml
from click.testing import CliRunner, Result
from entries import NAME, SEED, Members, cell, label, pack, refusal

from bench import Cohort
from bench.challenge.blue_scoring import plan_entries, zips_in
from bench.cli.submit import submit_group
from bench.core.errors import BenchError, DataError
from bench.datasets.folds import make_splits
from bench.store.store import Store

# -- the commands ----------------------------------------------------------------------------------------------------


def bench(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return runs.bench(place, *words, env={**os.environ, "COLUMNS": "200"})


def invoke(*words: str) -> Result:
    """Run a command of `bench submit` in this process."""
    return CliRunner().invoke(submit_group, words)


def pack_words(seed: int = SEED, generator: str = "multivariate") -> list[str]:
    chosen = ["--team", "Tigers", "--generator", generator, "--dataset", "toy", "--seed", str(seed)]
    return ["pack", *chosen, "--threads", "1", "--jobs", "1"]


def test_an_entry_is_packed_checked_and_its_code_makes_it_again(
    data_home: Path, tmp_path: Path, toy_cohort: Cohort
) -> None:
    words = pack_words(generator="multivariate[noise=0.7]")
    done = bench(tmp_path, "submit", *words, "--out", "entries")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "entries" / NAME
    assert f"{NAME}: all well: team Tigers, multivariate on toy, seed 7, 48, 48, 48, 48, 48 synthetic" in done.stdout
    assert "note" not in done.stdout
    with zipfile.ZipFile(path) as z:
        tables = [f"synthetic_{what}_split_{fold}.csv" for what in ("data", "labels") for fold in range(1, 6)]
        rest = ["blue_team.py", "config.yaml", "environment.yaml", "toy_splits.yaml"]
        assert sorted(z.namelist()) == sorted([*rest, *tables])
        written = yaml.safe_load(z.read("config.yaml"))
        code = z.read("blue_team.py").decode()
    assert written["dataset_config"]["random_seed"] == written["multivariate_config"]["random_seed"] == SEED
    assert written["multivariate_config"]["params"]["noise"] == 0.7
    assert "class Multivariate" in code
    before = path.read_bytes()
    again = invoke(*words, "--store", str(tmp_path / "results/store"), "--out", str(path))
    assert again.exit_code == 0
    assert path.read_bytes() == before
    its_code_makes_its_tables_again(path, tmp_path, toy_cohort)


def its_code_makes_its_tables_again(path: Path, tmp_path: Path, toy_cohort: Cohort) -> None:
    with zipfile.ZipFile(path) as z:
        z.extractall(tmp_path / "entry")  # our own
    real = tmp_path / "entry/data_splits/toy/real"
    real.mkdir(parents=True)
    train = make_splits(toy_cohort, seed=SEED)[1].train
    pd.DataFrame(train.X, columns=list(train.genes)).to_csv(real / "X_train_real_split_2.csv", index=False)
    pd.DataFrame({"kind": train.y}).to_csv(real / "y_train_real_split_2.csv", index=False)
    code = (
        "import sys\nsys.path.insert(0, '')\nimport yaml, pathlib, blue_team\n"
        "team = blue_team.BLUE_TEAM(yaml.safe_load(open('config.yaml')), 2)\n"
        "team.train()\nfolder = pathlib.Path('again')\nfolder.mkdir()\n"
        "team.save_synthetic_data(*team.generate(), folder)\n"
        "X, y = team.generate_for_type('c', 7)\nassert len(X) == 7 and set(y['kind']) == {'c'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "entry", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in ("synthetic_data_split_2.csv", "synthetic_labels_split_2.csv"):
        assert (tmp_path / "entry/again" / name).read_bytes() == (tmp_path / "entry" / name).read_bytes()


@pytest.mark.parametrize(
    ("seed", "generator", "words", "message"),
    [
        (41, "multivariate", [], "seed 41 is not allowed: the example submissions are made with it"),
        (42, "multivariate", [], "seed 42 is not allowed: it is for comparing with the baselines"),
        (-1, "multivariate", [], "cannot make folds"),
        (7, "copy_train", [], "is a control"),
        (7, "multivariate,nmf", [], "an entry has one"),
        (7, "multivariate", ["--out", "mine.zip"], "the rules ask for 'blueteam_Tigers_toy.zip'"),
        (7, "multivariate", ["--team", "../x"], "cannot be part of a file name"),
    ],
)
def test_an_entry_that_the_rules_forbid_is_not_packed(
    data_home: Path, tmp_path: Path, seed: int, generator: str, words: list[str], message: str
) -> None:
    done = invoke(*pack_words(seed, generator), "--store", str(tmp_path / "store"), "--out", str(tmp_path), *words)
    assert isinstance(done.exception, BenchError)
    assert message in str(done.exception)
    assert not list(tmp_path.glob("**/*.zip"))


def test_check_prints_one_line_per_problem_and_exit_status_1(members: Members, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    good = pack(tmp_path, members)
    bad = pack(tmp_path / "bad", label(b"z")(cell("nan")(members)))
    done = bench(tmp_path, "submit", "check", str(good), str(bad))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "all well" in lines[0]
    assert all(line.startswith(f"{NAME}: synthetic_") for line in lines[1:])
    assert "Traceback" not in done.stderr


def test_a_file_name_cannot_steer_the_terminal(data_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "blueteam_\x1b[2J\udcff_toy.zip"
    path.write_bytes(b"")
    done = invoke("check", str(path))
    assert done.exit_code == 1
    assert done.output.isascii()
    assert "\x1b" not in done.output


def test_without_the_real_cohort_a_check_says_what_it_compared_with(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path))
    members = {name.replace("toy", "TCGA-BRCA"): content for name, content in members.items()}
    said = refusal(pack(tmp_path, members, "blueteam_Tigers_TCGA-BRCA.zip"))
    assert "SIMULATED stand-in" in said
    assert "bench data fetch brca" in said


# -- scoring ---------------------------------------------------------------------------------------------------------

FEW = ["--metrics", "mmd", "--attacks", "gan_leaks", "--threads", "1"]


def test_a_packed_entry_gets_the_numbers_that_its_generator_gets_in_a_run(data_home: Path, tmp_path: Path) -> None:
    assert invoke(*pack_words(), "--store", str(tmp_path / "results/store"), "--out", str(tmp_path)).exit_code == 0
    assert bench(tmp_path, "submit", "score", NAME, *FEW).returncode == 0
    done = bench(
        tmp_path, "run", "--dataset", "toy", "--generators", "multivariate", "--seeds", str(SEED), "--folds", "1", *FEW
    )
    assert done.returncode == 0, done.stderr
    theirs, ours = (pd.read_csv(tmp_path / out / "rows/toy.csv") for out in ("scores", "results"))
    keys = ["fold", "seed", "measure", "attack", "value"]
    counted = ours["measure"].str.startswith("duplicates")
    scored = ours[~ours["family"].isin(["cost", "claim"]) | counted]
    assert set(theirs["generator"] + "[" + theirs["params"] + "]") == {"Tigers.multivariate[split=own,seed=7]"}
    assert set(theirs["fold"]) == {1, 2, 3, 4, 5}
    assert len(scored) > 10
    first = theirs[theirs["fold"] == 1]
    pd.testing.assert_frame_equal(first[keys].reset_index(drop=True), scored[keys].reset_index(drop=True))


def test_many_entries_give_one_leaderboard_and_a_bad_one_is_named(members: Members, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    pack(folder, {**members, "lib/scores.csv": b"auc\n0.5"})
    pack(folder, members | swapped_folds(members), "blueteam_Lions_toy.zip")
    pack(folder, cell("nan")(members), "blueteam_Wolves_toy.zip")
    done = bench(tmp_path, "submit", "score", "all", "--out", "out", *FEW)
    assert done.returncode == 1
    assert "blueteam_Wolves_toy.zip: synthetic_data_split_1.csv, line 5" in done.stdout
    assert "1 of 3 entries were refused and are in no table" in done.stdout
    assert ", 0 from the store, 0 lost" in done.stderr
    page = (tmp_path / "out/leaderboard/toy.md").read_text()
    assert "`Tigers.claw[split=own,seed=7]`" in page
    assert "`Lions.claw[split=own_and_not_of_its_seed,seed=7]`" in page
    assert "Wolves" not in page
    again = bench(tmp_path, "submit", "score", str(folder / NAME), "--out", "out", *FEW)
    assert again.returncode == 0
    assert "0 tasks computed, 10 from the store, 0 lost" in again.stderr


def swapped_folds(members: Members) -> Members:
    """Return a splits file whose folds stand in another order than their seed gives."""
    folds = yaml.safe_load(members["toy_splits.yaml"])["splits"]
    folds["split_1"], folds["split_2"] = folds["split_2"], folds["split_1"]
    return {"toy_splits.yaml": yaml.safe_dump({"splits": folds}).encode()}


def test_a_refused_entry_leaves_no_store_behind(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path, label(b"=1+1")(members))
    done = invoke("score", str(path), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "as a formula" in done.output
    assert not (tmp_path / "out").exists()


def test_the_same_entry_twice_and_a_folder_of_nothing_are_refused(members: Members, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    paths = [pack(tmp_path, members), pack(tmp_path / "copy", members)]
    refused: list[str] = []
    ballots = plan_entries(paths, Store(tmp_path / "store"), [], [], lambda path, error: refused.extend(error.problems))
    assert [len(ballot.plan) for ballot in ballots] == [5]
    assert refused == [
        "another file brings an entry Tigers.claw[split=own,seed=7] too; expected one of a team, generator and seed."
    ]
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no zip file"):
        zips_in([tmp_path / "none"])


# -- running a team's code, on demand ----------------------------------------------------------------------------------


def packed(place: Path) -> Path:
    done = invoke(*pack_words(), "--out", str(place), "--store", str(place / "store"), "--jobs", "1")
    assert done.exit_code == 0, done.output
    return place / NAME


def repacked(path: Path, code: bytes) -> Path:
    with zipfile.ZipFile(path) as z:
        members = {name: z.read(name) for name in z.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in (members | {"blue_team.py": code}).items():
            z.writestr(name, content)
    return path


def test_code_runs_only_when_somebody_says_that_they_trust_it(data_home: Path, tmp_path: Path) -> None:
    path = packed(tmp_path)
    refused = invoke("run-code", str(path))
    assert "nothing was run" in str(refused.exception)
    assert "WARNING: this runs the code of" in refused.stderr
    assert "stopped after --timeout, if you give one" in refused.stderr
    done = invoke("run-code", str(path), "--i-trust-this-code")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("the same, digit for digit") == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("[t.iloc[::-1] for t in _honest(s)]", "DIFFERENT: values by up to"),
        ("(lambda X, y: (X + 1, y))(*_honest(s))", "DIFFERENT: values by up to 1, labels in 0 of 48 rows"),
        ("(lambda X, y: (X, y.assign(kind='a')))(*_honest(s))", "DIFFERENT: values by up to 0, labels in"),
        ("[t.iloc[1:] for t in _honest(s)]", "DIFFERENT: 47 rows x 16 genes and 47 labels, packed 48 x 16"),
    ],
)
def test_code_that_makes_other_tables_is_told(data_home: Path, tmp_path: Path, change: str, words: str) -> None:
    path = packed(tmp_path)
    with zipfile.ZipFile(path) as z:
        code = z.read("blue_team.py")
    changed = code + f"\n_honest = BlueTeam.generate\nBlueTeam.generate = lambda s: {change}\n".encode()
    done = invoke("run-code", str(repacked(path, changed)), "--i-trust-this-code")
    assert done.exit_code == 1
    assert done.stdout.count(words) == 5


@pytest.mark.parametrize(
    ("code", "seconds", "words"),
    [
        (b"raise SystemExit('no way')", 300, "ended with exit status 1. Its last lines: no way"),
        (b"x = 1", 300, "blue_team.py has no BLUE_TEAM"),
        (b"import time; time.sleep(600)", 3, "was stopped after 3 s (--timeout)"),
        (b"import os; os.kill(os.getpid(), 11)", 300, "ended with exit status -11"),
    ],
)
def test_code_that_fails_or_hangs_is_told_with_its_last_words(
    data_home: Path, tmp_path: Path, code: bytes, seconds: int, words: str
) -> None:
    path = repacked(packed(tmp_path), code)
    done = invoke("run-code", str(path), "--i-trust-this-code", "--timeout", str(seconds))
    assert words in str(done.exception)


_WRITES = """
class BLUE_TEAM:
    def __init__(self, config, split): self.split = split
    def train(self): pass
    def generate(self): return ()
    def save_synthetic_data(self, folder):
        (folder / f"synthetic_data_split_{self.split}.csv").write_text(DATA)
        (folder / f"synthetic_labels_split_{self.split}.csv").write_text(LABELS)
"""


@pytest.mark.parametrize("data", ["", "G0,G1\\n1\\n1,2,3\\n", "G0\\nx\\n", "\\0"])
def test_tables_of_any_kind_that_code_writes_are_told(data_home: Path, tmp_path: Path, data: str) -> None:
    code = _WRITES.replace("DATA", f"'{data}'").replace("LABELS", f"'{data}'")
    done = invoke("run-code", str(repacked(packed(tmp_path), code.encode())), "--i-trust-this-code")
    assert done.exit_code == 1
    assert done.stdout.count("DIFFERENT") == 5


def test_code_that_writes_too_few_labels_is_told(data_home: Path, tmp_path: Path) -> None:
    path = packed(tmp_path)
    with zipfile.ZipFile(path) as z:
        code = z.read("blue_team.py")
    changed = (
        code + b"\n_honest = BlueTeam.generate\nBlueTeam.generate = lambda s: [_honest(s)[0], _honest(s)[1].iloc[1:]]\n"
    )
    done = invoke("run-code", str(repacked(path, changed)), "--i-trust-this-code")
    assert done.stdout.count("DIFFERENT: 48 rows x 16 genes and 47 labels, packed 48 x 16") == 5


def test_code_runs_from_a_folder_that_macos_packed_beside_a_folder_called_log(data_home: Path, tmp_path: Path) -> None:
    path = packed(tmp_path)
    with zipfile.ZipFile(path) as z:
        members = {f"mine/{name}": z.read(name) for name in z.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in (members | {"__MACOSX/mine/._x": b"x", "mine/log/x.py": b""}).items():
            z.writestr(name, content)
    done = invoke("run-code", str(path), "--i-trust-this-code")
    assert done.exit_code == 0, (done.output, done.exception)
