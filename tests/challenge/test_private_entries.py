"""Who has the seed of a private release can subtract its noise: an entry of such a generator holds no seed of it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import runs
import yaml
from entries import NAME, SEED, Members, config, pack, refusal
from planted import CLAIMANT

from bench.challenge.blue_entry import read_submission
from bench.core.secret_seeds import secret_seed, shown_seed
from bench.core.seeds import stream

LONG = re.compile(r"[0-9]{25}")  # as long as a seed of the operating system at least


@pytest.fixture
def place(data_home: Path, tmp_path: Path) -> Path:
    (tmp_path / "claimant.py").write_text(CLAIMANT)
    return tmp_path


def packed(place: Path, generator: str = "claimant", out: str = "first") -> tuple[Path, str]:
    """Pack an entry; return the zip file and everything that the command said."""
    words = ["--team", "Tigers", "--dataset", "toy", "--seed", str(SEED), "--threads", "1", "--jobs", "1"]
    done = runs.bench(
        place, "submit", "pack", "--generator", generator, "--plugin", "claimant.py", "--out", out, *words
    )
    assert done.returncode == 0, done.stderr
    return place / out / NAME, done.stdout + done.stderr


def released(place: Path, *words: str) -> set[tuple[float, ...]]:
    """Return the rows of fold 1 that a run with the team's seed releases."""
    fixed = f"run --dataset toy --folds 1 --seeds {SEED} --metrics none --attacks none --threads 1 --jobs 1 --out runs"
    assert runs.bench(place, *fixed.split(), "--plugin", "claimant.py", *words).returncode == 0
    (file,) = (place / "runs/store/objects").glob("*/*.npz")
    with np.load(file) as arrays:
        return set(map(tuple, arrays["X"].tolist()))


def table(path: Path) -> set[tuple[float, ...]]:
    with zipfile.ZipFile(path) as z, z.open("synthetic_data_split_1.csv") as file:
        return set(map(tuple, pd.read_csv(file).to_numpy(np.float32).tolist()))


def test_a_zip_file_of_a_private_generator_holds_no_seed_of_its_releases(place: Path) -> None:
    path, said = packed(place)
    with zipfile.ZipFile(path) as z:
        members = {name: z.read(name).decode() for name in z.namelist()}
    written = yaml.safe_load(members["config.yaml"])
    assert written["claimant_config"]["random_seed"] == "secret"
    assert written["dataset_config"]["random_seed"] == SEED  # of the folds, which the zip file holds as well
    assert [name for name, text in members.items() if LONG.search(text)] == []
    assert not table(path) & released(place, "--generators", "claimant")  # the team's seed does not make the noise
    assert "seed is secret" in said
    assert "seed secret" in said  # of each fold, as it is done
    assert "seed 7 of the folds (that of the releases is secret)" in said
    assert LONG.search(said) is None


def test_nothing_that_a_private_entry_leaves_behind_names_the_seed(place: Path) -> None:
    packed(place)
    left = [path for path in place.rglob("*") if path.is_file() and path.suffix in {".json", ".log", ".yaml", ".txt"}]
    assert len(left) > 5
    assert [path for path in left if re.search(r"seed\D{0,9}[0-9]{25}", path.read_text(errors="replace"))] == []


def test_every_private_entry_has_noise_of_its_own(place: Path) -> None:
    assert not table(packed(place)[0]) & table(packed(place, out="second")[0])


def test_without_a_claim_the_teams_seed_makes_the_releases(place: Path) -> None:
    path, said = packed(place, "claimant[private=false]")
    with zipfile.ZipFile(path) as z:
        assert yaml.safe_load(z.read("config.yaml"))["claimant_config"]["random_seed"] == SEED
    assert table(path) == released(place, "--generators", "claimant[private=false]")
    assert "seed is secret" not in said
    assert "is secret)" not in said
    again = runs.bench(place, "submit", "run-code", str(path), "--i-trust-this-code")
    assert again.stdout.count("the same, digit for digit") == 5


def test_the_code_of_a_private_entry_runs_and_makes_other_tables(place: Path) -> None:
    path = packed(place)[0]
    done = runs.bench(place, "submit", "run-code", str(path), "--i-trust-this-code")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("tables of this size; not compared, since the seed of these releases is secret") == 5


def test_a_private_entry_is_scored_like_any_other(place: Path) -> None:
    path = packed(place)[0]
    done = runs.bench(place, "submit", "score", str(path), "--metrics", "mmd", "--attacks", "mc", "--threads", "1")
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(place / "scores/rows/toy.csv")
    assert set(rows["params"]) == {"split=own,seed=7"}
    assert (rows["status"] == "ok").all()


def test_an_entry_that_withholds_its_seed_is_read(members: Members, tmp_path: Path) -> None:
    assert not read_submission(pack(tmp_path, members)).secret
    members["config.yaml"] = yaml.safe_dump(config(claw_config={"random_seed": "secret"})).encode()
    entry = read_submission(pack(tmp_path, members))
    assert entry.secret
    assert entry.seed == SEED


def test_the_seed_of_the_folds_cannot_be_withheld(members: Members, tmp_path: Path) -> None:
    members["config.yaml"] = members["config.yaml"].replace(b"random_seed: 7", b"random_seed: secret")
    assert refusal(pack(tmp_path, members)) == "config.yaml: dataset_config has no whole number as random_seed."


def test_secret_seeds_differ_make_streams_and_are_not_shown() -> None:
    first, second = secret_seed(), secret_seed()
    assert first != second
    assert stream(first, "a").normal() != stream(second, "a").normal()
    assert {shown_seed(first), shown_seed(second)} == {"secret"}
    assert (shown_seed(0), shown_seed(2**63)) == ("0", str(2**63))
