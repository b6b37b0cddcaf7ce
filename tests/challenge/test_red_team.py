"""Rounds for red teams: what is public tells nothing, entries are data, and the table says who found whom."""

from __future__ import annotations

import hashlib
import json
import secrets
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from bench import Cohort, stream
from bench.challenge.archive import RefusedError
from bench.challenge.red_entry import attack_round, prediction_name, read_attack_entry
from bench.challenge.red_round import KEY, draw_members, read_announcement, read_key, write_round
from bench.challenge.tournament import judge, tournament_page
from bench.cli.submit import submit_group
from bench.core.errors import DataError
from bench.datasets import home, load_dataset
from bench.registry.selection import choose
from bench.statistics.membership import auc
from bench.store.store import Store

NAME = "redteam_Owls_toy.zip"


@pytest.fixture(scope="module")
def toy_home(toy_cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home that holds the toy cohort as the dataset `toy`."""
    place = tmp_path_factory.mktemp("home")
    manifest = home.describe("toy", toy_cohort, None, title="Toy", label="kind", source="made up", files=[])
    home.store(place, manifest, toy_cohort, None)
    return place


@pytest.fixture(autouse=True)
def data_home(toy_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA_HOME", str(toy_home))


def invoke(*words: object) -> Result:
    return CliRunner().invoke(submit_group, [str(word) for word in words])


@pytest.fixture(scope="module")
def round_folder(toy_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A round of three releases; the last generator drowns everything in noise."""
    folder = tmp_path_factory.mktemp("round") / "one"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA_HOME", str(toy_home))
        patch.setattr(secrets, "randbits", lambda bits: 7)  # the same secret every day
        names = "smote[neighbours=1],multivariate,multivariate[noise=50]"
        done = invoke("challenge", "--dataset", "toy", "--generators", names, "--out", folder, "--jobs", 1)
    assert done.exit_code == 0, done.output
    return folder


def n_releases(round_folder: Path) -> int:
    return len(read_announcement(round_folder / "public").files)


@pytest.fixture
def entry(round_folder: Path, tmp_path: Path) -> Path:
    """A good entry, packed by the command."""
    done = invoke(
        "attack", "--team", "Owls", "--attack", "gan_leaks",
        "--challenge", round_folder / "public", "--out", tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "all well: team Owls, gan_leaks on toy" in done.output
    return tmp_path / NAME


# -- the round ---------------------------------------------------------------------------------------------------------


def test_what_is_public_names_no_generator_no_label_and_no_member(round_folder: Path, toy_cohort: Cohort) -> None:
    public = round_folder / "public"
    announced = yaml.safe_load((public / "challenge.yaml").read_text())
    assert set(announced) == {"format", "dataset", "data_digest", "candidates", "releases", "key_sha256"}
    assert sorted(path.name for path in public.iterdir()) == ["challenge.yaml", *sorted(announced["releases"])]
    for name in announced["releases"]:
        assert list(pd.read_csv(public / name).columns) == list(toy_cohort.genes)
    key = (round_folder / "private" / KEY).read_bytes()
    assert hashlib.sha256(key).hexdigest() == announced["key_sha256"]
    assert (round_folder / "private").stat().st_mode & 0o077 == 0


def test_the_key_holds_who_trained_each_release_and_a_nonce(round_folder: Path, toy_cohort: Cohort) -> None:
    path = round_folder / "private" / KEY
    key = read_key(path)
    assert key.data_digest == toy_cohort.digest
    assert [release.member.sum() for release in key.releases] == [48] * n_releases(round_folder)
    assert len(json.loads(path.read_text())["nonce"]) == 64
    first, second = key.releases[:2]
    assert not np.array_equal(first.member, second.member)  # drawn anew: two releases together tell no more


def test_members_are_drawn_by_class_and_donors_stay_together(toy_cohort: Cohort) -> None:
    member = draw_members(toy_cohort, stream(1))
    counts = {label: int((~member[toy_cohort.y == label]).sum()) for label in "abc"}
    assert counts == {"a": 6, "b": 4, "c": 2}
    donors = np.array([f"d{i // 2}" for i in np.argsort(np.argsort(toy_cohort.y, kind="stable"))])
    paired = draw_members(replace(toy_cohort, donors=donors), stream(1))
    assert all(len(set(paired[donors == donor])) == 1 for donor in np.unique(donors))
    assert not np.array_equal(member, draw_members(toy_cohort, stream(2)))


def test_a_class_of_one_cannot_be_on_both_sides(toy_cohort: Cohort) -> None:
    y = np.array(["lonely", *toy_cohort.y[1:]])
    with pytest.raises(DataError, match="class 'lonely' has 1 people"):
        draw_members(replace(toy_cohort, y=y), stream(1))


@pytest.mark.parametrize(
    ("generators", "message"),
    [("copy_train,multivariate", "'copy_train' is a control"), ("multivarite", "multivariate")],
)
def test_a_round_of_controls_or_unknown_generators_is_refused(tmp_path: Path, generators: str, message: str) -> None:
    done = invoke("challenge", "--dataset", "toy", "--generators", generators, "--out", tmp_path / "r")
    assert done.exit_code != 0
    assert message in str(done.exception)
    assert not (tmp_path / "r" / "public").exists()


def test_a_round_is_never_written_over(round_folder: Path) -> None:
    done = invoke("challenge", "--dataset", "toy", "--generators", "nmf", "--out", round_folder)
    assert "a round is made once" in str(done.exception)


def test_the_secret_and_the_generators_are_not_printed(tmp_path: Path) -> None:
    done = invoke("challenge", "--dataset", "toy", "--generators", "multivariate", "--out", tmp_path / "r")
    assert "multivariate" not in done.output
    assert not any(word.isdecimal() and len(word) > 9 for word in done.output.replace(":", " ").split())


# -- attack entries ----------------------------------------------------------------------------------------------------


def test_an_entry_holds_the_scores_of_the_attack_on_each_release(round_folder: Path, entry: Path) -> None:
    found = read_attack_entry(entry, n_releases(round_folder))
    assert (found.team, found.attack, found.name) == ("Owls", "gan_leaks", "Owls.gan_leaks")
    announced = read_announcement(round_folder / "public")
    expected = list(attack_round(choose("attack", "gan_leaks")[0], announced, load_dataset("toy")))
    assert all(np.array_equal(*pair) for pair in zip(found.scores, expected, strict=True))
    with zipfile.ZipFile(entry) as z:
        assert "red_team.py" in z.namelist()
        assert z.read(prediction_name(1)).startswith(b"membership_label\n")


def test_an_attack_finds_the_members_of_a_release_that_leaks(round_folder: Path, entry: Path) -> None:
    key = read_key(round_folder / "private" / KEY)
    scores = read_attack_entry(entry, n_releases(round_folder)).scores
    leaks = {r.generator: auc(s, r.member).value for r, s in zip(key.releases, scores, strict=True)}
    assert leaks["smote[neighbours=1]"] > 0.8
    assert leaks["multivariate[noise=50.0]"] < 0.7


def test_an_attack_on_classes_learns_the_labels_that_are_not_given(round_folder: Path) -> None:
    announced = read_announcement(round_folder / "public")
    scores = list(attack_round(choose("attack", "mahalanobis_class")[0], announced, load_dataset("toy")))
    assert all(np.isfinite(column).all() and column.shape == (60,) for column in scores)


@pytest.mark.parametrize("attack", ["white_box_loss", "shadow_lira", "gan_leaks_cal"])
def test_an_attack_that_needs_more_than_a_round_gives_is_refused(round_folder: Path, attack: str) -> None:
    done = invoke("attack", "--team", "O", "--attack", attack, "--challenge", round_folder / "public")
    assert "a round gives releases without labels" in str(done.exception)


def test_an_attack_whose_label_is_too_long_is_refused_before_it_runs(
    round_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.challenge.red_entry.create", lambda *_: pytest.fail("it ran"))
    long = "domias_flow[n_axes=21,layers=5,hidden=33,steps=201,batch=129,blur=0.25]"
    done = invoke("attack", "--team", "O", "--attack", long, "--challenge", round_folder / "public", "--out", tmp_path)
    assert "cannot name an entry; expected letters, digits and '_.,=[]-', at most 60" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_a_release_that_was_changed_on_the_way_is_noticed(round_folder: Path, tmp_path: Path) -> None:
    for path in (round_folder / "public").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    changed = tmp_path / "synthetic_data_1.csv"
    changed.write_bytes(changed.read_bytes()[:-2] + b"7\n")
    with pytest.raises(DataError, match="its SHA-256 differs"):
        read_announcement(tmp_path)


def public_copy(round_folder: Path, place: Path) -> Path:
    place.mkdir()
    for path in (round_folder / "public").iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    return place


@pytest.mark.parametrize(
    "change",
    [{"releases": {}}, {"releases": "x"}, {"candidates": "many"}, {"dataset": ["x"]}, {"releases": {"../x.csv": "0"}}],
)
def test_an_announcement_of_any_kind_is_read_or_refused(
    round_folder: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    public = public_copy(round_folder, tmp_path / "public")
    content = yaml.safe_load((public / "challenge.yaml").read_text()) | change
    (public / "challenge.yaml").write_text(yaml.safe_dump(content))
    done = invoke("attack", "--team", "O", "--attack", "mc", "--challenge", public, "--out", tmp_path)
    assert isinstance(done.exception, DataError), done.exception


@pytest.mark.parametrize("text", ["", "G0\n1\n", "nan", "words"])
def test_a_release_without_numbers_for_every_gene_is_refused(
    round_folder: Path, tmp_path: Path, toy_cohort: Cohort, text: str
) -> None:
    public = public_copy(round_folder, tmp_path / "public")
    if text in ("nan", "words"):
        text = ",".join(toy_cohort.genes) + "\n" + ",".join([text] * toy_cohort.n_genes) + "\n"
    (public / "synthetic_data_1.csv").write_text(text)
    content = yaml.safe_load((public / "challenge.yaml").read_text())
    content["releases"]["synthetic_data_1.csv"] = hashlib.sha256(text.encode()).hexdigest()
    (public / "challenge.yaml").write_text(yaml.safe_dump(content))
    done = invoke("attack", "--team", "O", "--attack", "mc", "--challenge", public, "--out", tmp_path)
    assert "is no release of this cohort" in str(done.exception)


def test_a_round_of_simulated_people_says_so_in_public(tmp_path: Path) -> None:
    dataset = replace(load_dataset("toy"), simulated=True)
    write_round(tmp_path / "r", dataset, [], [], Store(tmp_path / "store").open())
    assert "no real people" in yaml.safe_load((tmp_path / "r/public/challenge.yaml").read_text())["simulated"]


def test_a_round_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    words = ("challenge", "--dataset", "toy", "--generators", "multivariate", "--out")
    assert "not empty" in str(invoke(*words, tmp_path / "file").exception)
    assert isinstance(invoke(*words, tmp_path / "file" / "inside").exception, DataError)


def test_a_round_on_other_data_is_noticed(round_folder: Path, tmp_path: Path) -> None:
    for path in (round_folder / "public").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "challenge.yaml").read_text()
    digest = yaml.safe_load(text)["data_digest"]
    (tmp_path / "challenge.yaml").write_text(text.replace(digest, "0" * 64))
    done = invoke("attack", "--team", "O", "--attack", "mc", "--challenge", tmp_path)
    assert "made on other data" in str(done.exception)


Change = Callable[[dict[str, bytes]], None]


def repack(path: Path, folder: Path, change: Change, name: str = NAME) -> Path:
    with zipfile.ZipFile(path) as z:
        members = {member: z.read(member) for member in z.namelist()}
    change(members)
    target = folder / name
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
        for member, content in members.items():
            z.writestr(member, content)
    return target


def line(text: bytes, number: int = 5) -> Change:
    def change(members: dict[str, bytes]) -> None:
        lines = members[prediction_name(2)].split(b"\n")
        lines[number - 1] = text
        members[prediction_name(2)] = b"\n".join(lines)

    return change


def config(old: bytes, new: bytes) -> Change:
    return lambda members: members.update({"config.yaml": members["config.yaml"].replace(old, new)})


BAD: dict[str, tuple[Change, str]] = {
    "a table is missing": (lambda m: m.pop(prediction_name(1)) and None, "synthetic_data_1_predictions.csv is missing"),
    "a table too many": (lambda m: m.update({prediction_name(9): b"x"}), "has no place in an attack entry"),
    "a pickle": (lambda m: m.update({"model.pkl": b"x"}), "'model.pkl' has no place in an attack entry"),
    "NaN": (line(b"nan"), "line 5 is 'nan'; expected one finite number"),
    "infinity": (line(b"inf"), "line 5 is 'inf'"),
    "too large": (line(b"1e999"), "line 5 is '1e999'"),
    "a formula": (line(b"=1+1"), "line 5 is '=1+1'"),
    "digits with a line": (line(b"1_0"), "line 5 is '1_0'"),
    "two cells": (line(b"1,2"), "line 5 is '1,2'"),
    "an empty cell": (line(b""), "line 5 is ''"),
    "another header": (line(b"score", 1), "starts with 'score'; expected the one column 'membership_label'"),
    "a row too few": (lambda m: m.update({prediction_name(2): b"membership_label\n1\n"}), "has 1 rows; expected 60"),
    "a row too many": (line(b"1\n2"), "has more than 60 rows"),
    "another dataset": (
        config(b"name: toy", b"name: TCGA-BRCA"),
        "dataset_config has name 'TCGA-BRCA'; expected 'toy'",
    ),
    "no attack": (config(b"attack_model", b"model"), "attack_model is no text"),
    "an object": (config(b"attack_model: gan_leaks", b"attack_model: !!python/name:os.system x"), "a tag"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_an_attack_entry_is_said_in_one_line(
    round_folder: Path, entry: Path, tmp_path: Path, case: str
) -> None:
    change, words = BAD[case]
    (tmp_path / "bad").mkdir()
    with pytest.raises(RefusedError) as caught:
        read_attack_entry(repack(entry, tmp_path / "bad", change), n_releases(round_folder))
    assert any(words in problem for problem in caught.value.problems), caught.value.problems
    assert all("\n" not in problem for problem in caught.value.problems)


def test_tiny_scores_of_the_official_example_are_numbers(round_folder: Path, entry: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    path = repack(entry, tmp_path / "tiny", line(b"1.485405383545079e-259"))
    assert read_attack_entry(path, n_releases(round_folder)).scores[1][3] == 1.485405383545079e-259


def test_check_knows_attack_entries_by_their_name(round_folder: Path, entry: Path) -> None:
    done = invoke("check", "--releases", n_releases(round_folder), entry)
    assert done.exit_code == 0
    assert "all well: team Owls" in done.output
    done = invoke("check", "--releases", 9, entry)
    assert done.exit_code == 1
    assert "synthetic_data_9_predictions.csv is missing" in done.output


# -- the tournament ----------------------------------------------------------------------------------------------------


def perfect(round_folder: Path) -> Change:
    key = read_key(round_folder / "private" / KEY)

    def change(members: dict[str, bytes]) -> None:
        for release in key.releases:
            scores = "\n".join(str(float(m)) for m in release.member)
            members[prediction_name(release.number)] = f"membership_label\n{scores}\n".encode()
        members["config.yaml"] = members["config.yaml"].replace(b"gan_leaks", b"oracle")

    return change


def test_a_tournament_reads_every_entry_against_the_key_and_names_the_refused(
    round_folder: Path, entry: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "entries"
    folder.mkdir()
    repack(entry, folder, lambda _members: None)
    repack(entry, folder, perfect(round_folder), "redteam_Hawks_toy.zip")
    repack(entry, folder, line(b"nan"), "redteam_Wolves_toy.zip")
    key, out = round_folder / "private" / KEY, tmp_path / "scores"
    done = invoke("tournament", folder, "--key", key, "--challenge", round_folder / "public", "--out", out)
    assert done.exit_code == 1
    assert "redteam_Wolves_toy.zip: synthetic_data_2_predictions.csv, line 5 is 'nan'" in done.output
    rows = pd.read_csv(out / "tournament.csv")
    assert set(rows["team"]) == {"Owls", "Hawks"}
    hawks = rows[(rows["team"] == "Hawks") & (rows["measure"] == "auc")]
    assert hawks["value"].tolist() == [1.0] * n_releases(round_folder)
    held = read_key(key)
    for release, scores in zip(held.releases, read_attack_entry(entry, len(held.releases)).scores, strict=True):
        own = rows[(rows["team"] == "Owls") & (rows["release"] == release.number) & (rows["measure"] == "auc")]
        assert own["value"].item() == auc(scores, release.member).value
        assert own["generator"].item() == release.generator
    page = (out / "tournament.md").read_text()
    table = page.split("**AUC.**")[1].split("**TPR")[0]
    assert table.index("Hawks.oracle") < table.index("Owls.gan_leaks")  # the strongest first
    assert "**1.000**" in table
    assert "nan" not in table


def test_a_key_that_was_changed_breaks_the_seal(round_folder: Path, entry: Path, tmp_path: Path) -> None:
    content = json.loads((round_folder / "private" / KEY).read_text())
    flipped = content["releases"][0]["members"].translate(str.maketrans("01", "10"))
    content["releases"][0]["members"] = flipped
    (tmp_path / KEY).write_text(json.dumps(content))
    done = invoke("tournament", entry, "--key", tmp_path / KEY, "--challenge", round_folder / "public")
    assert "the key is not the one" in str(done.exception)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"releases": [{}]}', b"\xff"])
def test_what_is_no_key_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as the key of a round"):
        read_key(tmp_path / "key")


def test_an_entry_for_another_round_or_cohort_is_refused_and_the_others_count(
    round_folder: Path, entry: Path, tmp_path: Path
) -> None:
    key, folder = round_folder / "private" / KEY, tmp_path / "entries"
    folder.mkdir()
    seal = hashlib.sha256(key.read_bytes()).hexdigest().encode()
    repack(entry, folder, config(seal, b"0" * 64), "redteam_Bears_toy.zip")
    (folder / "redteam_Cats_TCGA-BRCA.zip").write_bytes(b"not even a zip file")
    repack(entry, folder, lambda _members: None)
    done = invoke("tournament", folder, "--key", key, "--out", tmp_path / "scores")
    assert done.exit_code == 1
    assert "redteam_Bears_toy.zip: it was made for another round, whose seal is '000000000000'..." in done.output
    assert "redteam_Cats_TCGA-BRCA.zip: it attacks 'brca'; the round is about 'toy'." in done.output
    assert set(pd.read_csv(tmp_path / "scores" / "tournament.csv")["team"]) == {"Owls"}


def test_a_table_that_no_group_is_large_enough_for_holds_no_nan(round_folder: Path, entry: Path) -> None:
    key, dataset = read_key(round_folder / "private" / KEY), load_dataset("toy")
    rows = judge([entry], key, dataset, lambda path, error: pytest.fail(str(error)))
    rows.loc[rows["measure"] == "auc_worst_class", ["value", "low", "high"]] = np.nan
    page = tournament_page(rows, key, dataset)
    assert "| `Owls.gan_leaks` | - | - | - | - |" in page
    assert "nan" not in page


def test_the_same_entry_twice_counts_once(round_folder: Path, entry: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    twin = repack(entry, tmp_path / "again", lambda _members: None)
    key = round_folder / "private" / KEY
    done = invoke("tournament", entry, twin, "--key", key, "--out", tmp_path / "scores")
    assert done.exit_code == 1
    assert "brings an entry Owls.gan_leaks too" in done.output
