"""Entries of strangers: a good one is read, and whatever is hostile is refused with one clear line, early and cheaply."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from entries import NAME, SEED, Members, cell, config, edit, label, pack, put, refusal, with_config, without

from bench import Cohort
from bench.challenge import archive
from bench.challenge.archive import RefusedError
from bench.challenge.blue_entry import read_submission
from bench.core.errors import DataError
from bench.datasets.folds import make_splits
from bench.datasets.safe_yaml import parse_plain

# -- a good entry ----------------------------------------------------------------------------------------------------


def test_a_good_entry_is_read_with_its_team_seed_folds_and_tables(
    members: Members, tmp_path: Path, toy_cohort: Cohort
) -> None:
    entry = read_submission(pack(tmp_path, members))
    assert (entry.team, entry.generator, entry.seed, entry.notes) == ("Tigers", "claw", SEED, ())
    assert [s.digest for s in entry.splits] == [s.digest for s in make_splits(toy_cohort, seed=SEED)]
    expected = pd.read_csv(io.BytesIO(members["synthetic_data_split_2.csv"])).to_numpy(np.float32)
    np.testing.assert_array_equal(entry.synthetic[2].X, expected)
    assert entry.synthetic[2].genes == toy_cohort.genes


def test_genes_in_another_order_are_put_in_place_by_name(members: Members, tmp_path: Path) -> None:
    name = "synthetic_data_split_1.csv"
    table = pd.read_csv(io.BytesIO(members[name]))
    mixed = {**members, name: table[sorted(table.columns)].to_csv(index=False).encode()}
    plain = read_submission(pack(tmp_path, members)).synthetic[1]
    assert read_submission(pack(tmp_path, mixed)).synthetic[1].digest == plain.digest


def test_a_zipped_folder_with_code_in_folders_of_its_own_is_fine(members: Members, tmp_path: Path) -> None:
    inside = {f"entry/{name}": content for name, content in members.items()}
    inside |= {"__MACOSX/entry/._config.yaml": b"x", "entry/.DS_Store": b"x"}
    inside |= {"entry/more.py": b"", "entry/lib/model.R": b"quit()", "entry/lib/weights.pkl": b"never opened"}
    assert read_submission(pack(tmp_path, inside)).team == "Tigers"


def test_a_team_with_underscores_and_dots_is_understood(members: Members, tmp_path: Path) -> None:
    assert read_submission(pack(tmp_path, members, "blueteam_The_big.cats_toy.zip")).team == "The_big.cats"


def test_what_breaks_no_rule_but_matters_is_noted(members: Members, tmp_path: Path) -> None:
    data, labels = "synthetic_data_split_1.csv", "synthetic_labels_split_1.csv"
    head, *rows = members[data].splitlines()
    members[data] = b"\n".join([head, *rows[:20], rows[0]])
    members[labels] = b"\n".join([b"kind", *[b"a"] * 20, b"b"])
    members["config.yaml"] = members["config.yaml"].replace(b"random_seed: 7", b"random_seed: 8")
    notes = "\n".join(read_submission(pack(tmp_path, members)).notes)
    assert "not those that seed 8 gives" in notes
    assert "split 1 has 21 synthetic rows for 48 training samples" in notes
    assert "no synthetic row of class 'c'" in notes
    assert "split 1 has 1 rows that repeat another" in notes


# -- what is missing or wrong ----------------------------------------------------------------------------------------

DATASET = config()["dataset_config"]
X1, Y1 = "synthetic_data_split_1.csv", "synthetic_labels_split_1.csv"
DIGITS = b"".join(b"%d" % i for i in range(500_000))  # 2.9 MB that do not shrink much
LAUGHS = b"a: &a {x: 1}\nb: &b {<<: [*a,*a,*a]}\nc: &c {<<: [*b,*b,*b]}\n"
WRONG: dict[str, tuple[Callable[[Members], Members], str]] = {
    "a table is missing": (without(X1), "synthetic_data_split_1.csv is missing"),
    "the splits are missing": (without("toy_splits.yaml"), "toy_splits.yaml is missing"),
    "no code": (without("blue_team.py"), "blue_team.py is missing"),
    "an empty file": (put("environment.yaml", b""), "environment.yaml is empty"),
    "an extra file": (put("scores.csv", b"auc,1.0"), "'scores.csv' has no place in a submission"),
    "a sixth fold": (put("synthetic_data_split_6.csv", b"x"), "'synthetic_data_split_6.csv' has no place"),
    "a pickle": (put("model.pkl", b"cos\nsystem\n(S'id'\ntR."), "'model.pkl' has no place"),
    "nan": (cell("nan"), "line 5, gene 'GENE"),
    "inf": (cell("-inf"), "is '-inf'; expected a finite number"),
    "infinity by size": (cell("1e999"), "is '1e999'; expected a finite number"),
    "more than a float32 holds": (cell("1e39"), "is '1e39'; expected a finite number"),
    "an empty cell": (cell(""), "is ''; expected a finite number"),
    "a number that only Python reads": (cell("1_0"), "is '1_0'; expected a finite number"),
    "foreign digits": (cell("٣"), "is '٣'; expected a finite number"),
    "a formula for a number": (cell("=1+1"), "is '=1+1'; expected a finite number"),
    "a formula for a label": (label(b"=cmd|' /C calc'!A0"), "which a spreadsheet runs as a formula"),
    "an unknown label": (label(b"z"), "line 2 has the label 'z'; expected a, b, c"),
    "labels without a header": (edit(Y1, b"kind\n", b""), "expected the name of the label column"),
    "two columns of labels": (edit(Y1, b"kind\n", b"kind,more\n"), "line 1 has 2 cells; expected one"),
    "a label too many": (label(b"a"), "48 rows and synthetic_labels_split_1.csv 49"),
    "a gene is missing": (edit(X1, b"GENE3,", b""), "lacks 1 of 16 genes: 'GENE3' first"),
    "a gene twice": (edit(X1, b"GENE3,", b"GENE4,"), "has the gene 'GENE4' more than once"),
    "an unknown column": (edit(X1, b"GENE3,", b"GENE3,id,"), "a column that is no gene of the real cohort: 'id'"),
    "a short row": (edit(X1, b"\n", b"\n1.0,2.0\n"), "line 2 has 2 cells; expected 16"),
    "no rows": (put(X1, b",".join(b"GENE%d" % i for i in range(16))), "has no rows below its header"),
    "an open quote": (cell('"1.0'), "cannot be read as CSV"),
    "UTF-16": (lambda m: {**m, X1: m[X1].decode().encode("utf-16")}, "starts with a byte order mark"),
    "a byte order mark": (lambda m: {**m, X1: b"\xef\xbb\xbf" + m[X1]}, "starts with a byte order mark"),
    "Latin-1": (label("é".encode("latin-1")), "line 2 is no UTF-8 text: byte 0xe9 at position 0"),
    "a NUL": (label(b"a\0b"), "holds a NUL character"),
    "binary numbers": (put(X1, bytes(range(128, 256))), "is no UTF-8 text"),
    "a million columns": (put(X1, b",".join(b"G%d" % i for i in range(10**6))), "line 1 is longer than"),
    "a hundred columns too many": (edit(X1, b"GENE3,", b"GENE3," + b"a," * 99), "99 columns that are no gene"),
    "a cell of megabytes": (cell(DIGITS.decode()), "line 5 is longer than"),
    "a label of megabytes": (label(DIGITS), "line 2 is longer than"),
    "millions of rows": (lambda m: {**m, Y1: b"kind\n" + b"a\n" * 300_000}, "has more than 240 rows"),
    "millions of empty lines": (put(Y1, b"\n" * 500_000), "line 1 has 0 cells"),
    "seed 41": (with_config(dataset_config={**DATASET, "random_seed": 41}, claw_config={"random_seed": 41}), "seed 41 is not allowed: the example submissions"),
    "seed 42": (with_config(dataset_config={**DATASET, "random_seed": 42}, claw_config={"random_seed": 42}), "seed 42 is not allowed: it is for comparing"),
    "two seeds": (with_config(claw_config={"random_seed": 8}), "random_seed is 7 and 8; expected one"),
    "no seed of the generator": (with_config(claw_config={}), "claw_config has no whole number as random_seed"),
    "a seed with 5,000 digits": (with_config(claw_config={"random_seed": "9" * 5000}), "claw_config has no whole number"),
    "another dataset": (with_config(dataset_config={**DATASET, "name": "TCGA-BRCA"}), "name is 'TCGA-BRCA'; expected 'toy'"),
    "three folds": (with_config(dataset_config={**DATASET, "num_splits": 3}), "num_splits is '3'; expected '5'"),
    "a generator that is a path": (with_config(generator_name="../../etc/passwd"), "generator_name is '../../etc/passwd'"),
    "a config without keys": (put("config.yaml", b"[1, 2]"), "config.yaml holds no keys"),
    "a key is missing": (with_config(dir_list={"home": "."}), "dir_list has no meta, processed_data"),
    "a key twice": (edit("config.yaml", b"generate:", b"train: false\ngenerate:"), "a key that is no text or comes twice"),
    "an object in YAML": (put("config.yaml", b"a: !!python/object/apply:os.system [touch ran]"), "which asks for an object"),
    "YAML that swells": (put("config.yaml", LAUGHS), "an alias (*name)"),
    "YAML without a floor": (put("config.yaml", b"[" * 60_000), "more than 10 levels of nesting"),
    "YAML that is none": (put("environment.yaml", b"a: 'open"), "environment.yaml cannot be read as YAML"),
    "a long config": (put("config.yaml", b"a: " + b"x" * 70_000), "config.yaml holds more than 65,536 bytes"),
    "splits without folds": (put("toy_splits.yaml", b"splits: []"), "has no folds under the top key 'splits'"),
    "an unknown sample": (edit("toy_splits.yaml", b"- s00", b"- s99"), "'s99', which is no sample of the cohort"),
    "a fold with a long number": (edit("toy_splits.yaml", b"split_3", b"split_" + b"9" * 40), "is not known"),
    "a missing fold": (edit("toy_splits.yaml", b"split_3", b"split_7"), "expected split_1 to split_5"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(members: Members, tmp_path: Path, case: str) -> None:
    change, words = WRONG[case]
    path = pack(tmp_path, change(members))
    tracemalloc.start()
    said = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert words in said
    assert peak < 40e6  # bytes; the biggest of these files unpacks to 6.9 MB


def test_all_problems_are_said_at_once_but_not_thousands(members: Members, tmp_path: Path) -> None:
    several = cell("nan")(with_config(claw_config={"random_seed": 8})(label(b"z")(members)))
    said = refusal(pack(tmp_path, edit("synthetic_data_split_4.csv", b"GENE3,", b"")(several))).splitlines()
    assert len(said) == 4
    crowded = refusal(pack(tmp_path, {**members, **{f"f{i}.txt": b"x" for i in range(500)}})).splitlines()
    assert len(crowded) == 21
    assert crowded[-1] == "and 480 more problems."


def test_a_split_that_leaves_a_class_out_or_holds_nobody_out_is_refused(members: Members, tmp_path: Path) -> None:
    folds = yaml.safe_load(members["toy_splits.yaml"])["splits"]
    moved = folds["split_1"]["test_index"].pop()
    folds["split_1"]["train_index"].append(moved)
    members["toy_splits.yaml"] = yaml.safe_dump({"splits": folds}).encode()
    assert "holds out 59 of 60 samples" in refusal(pack(tmp_path, members))


# -- zip files that are attacks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../outside.py", "leaves or doubles its folder"),
        ("a/../../outside.py", "leaves or doubles its folder"),
        ("/etc/cron.d/job", "has an absolute name"),
        ("C:evil.py", "has an absolute name"),
        ("..\\evil.py", "has an absolute name or one with a backslash"),
        ("a\nb.py", "holds control characters"),
        ("\u202egpj.py", "holds control characters"),
        ("x" * 300 + ".py", "too long"),
    ],
)
def test_a_member_that_would_land_elsewhere_is_refused(members: Members, tmp_path: Path, name: str, words: str) -> None:
    assert words in refusal(pack(tmp_path, {**members, name: b"x"}))
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "home"]


@pytest.mark.parametrize("twin", ["config.yaml", "CONFIG.yaml"])
def test_two_members_that_would_be_one_file_are_refused(members: Members, tmp_path: Path, twin: str) -> None:
    path = pack(tmp_path, members)
    with zipfile.ZipFile(path, "a") as z, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what this test is about
        z.writestr(twin, b"other")
    assert "would be one file" in refusal(path)


@pytest.mark.parametrize(("kind", "words"), [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "is a special file")])
def test_links_and_special_files_are_refused(members: Members, tmp_path: Path, kind: int, words: str) -> None:
    path = pack(tmp_path, without("blue_team.py")(members))
    info = zipfile.ZipInfo("blue_team.py")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(path, "a") as z:
        z.writestr(info, "/etc/passwd")
    assert words in refusal(path)


def test_encrypted_members_and_odd_compression_are_refused(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path, members)
    raw = bytearray(path.read_bytes())
    place = raw.rfind(b"PK\x01\x02")
    raw[place + 8] |= 1
    path.write_bytes(raw)
    assert "is encrypted" in refusal(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as z:
        z.writestr("config.yaml", b"x")
    assert "compressed by method 14" in refusal(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path, put(X1, b"0" * 30_000_000)(members))
    assert "shrinks more than 200 times" in refusal(path)


def test_a_member_that_says_it_is_small_is_read_no_further(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path, put(X1, b"1," * 5_000_000)(members))
    raw = bytearray(path.read_bytes())
    entry = directory_entry(raw, X1)
    struct.pack_into("<L", raw, entry + 24, 1000)
    path.write_bytes(raw)
    tracemalloc.start()
    assert X1 in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def directory_entry(raw: bytearray, name: str) -> int:
    return raw.rfind(name.encode()) - 46


@pytest.mark.parametrize(("field", "n", "words"), [(24, 2**31 - 1, "unpacks to 2,147,483,647 bytes"), (20, 2**31, "overlap")])  # fmt: skip
def test_sizes_that_cannot_be_are_refused(members: Members, tmp_path: Path, field: int, n: int, words: str) -> None:
    path = pack(tmp_path, members)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<L", raw, directory_entry(raw, X1) + field, n)
    path.write_bytes(raw)
    assert words in refusal(path)


def test_too_many_members_and_a_directory_of_lies_are_refused(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path, {f"{i}.py": b"" for i in range(1200)})
    assert "holds 1,200 members; expected at most 1,000" in refusal(path)
    assert "its directory claims" in refusal(pack(tmp_path, {f"{i}.py": b"" for i in range(6000)}))


def test_all_members_together_may_not_be_too_large(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL", 10_000)
    assert "expected at most 10,000" in refusal(pack(tmp_path, members))


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x1f\x8b not a zip", b"PK\x05\x06" + b"\xff" * 18, b"PK\x05\x06" * 9]
)
def test_what_is_no_zip_file_is_refused(data_home: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    assert refusal(path)


@pytest.mark.parametrize(
    "name", ["entry.zip", "blueteam_toy.zip", "blueteam_Ti gers_toy.zip", "blueteam_T_TCGA-XXXX.zip"]
)
def test_a_file_name_that_the_rules_do_not_know_is_refused(members: Members, tmp_path: Path, name: str) -> None:
    assert "expected blueteam_TEAM_DATASET.zip" in refusal(pack(tmp_path, members, name))


def test_a_file_that_is_not_there_is_said(data_home: Path, tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / NAME)


# -- whatever else strangers send ------------------------------------------------------------------------------------


def mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes with a few changes: bits flipped, pieces cut, doubled, moved or overwritten."""
    body = bytearray(raw)
    for _ in range(rng.integers(1, 6)):
        at, n = int(rng.integers(len(body))), int(rng.integers(1, 40))
        match int(rng.integers(5)):
            case 0:
                body[at] ^= 1 << int(rng.integers(8))
            case 1:
                del body[at : at + n]
            case 2:
                body[at:at] = body[at : at + n]
            case 3:
                body[at : at + n] = rng.bytes(n)
            case _:
                body[at:at] = [b"\xff" * 8, b"1e999", b'"', b"\0", b": {[", b"\n\n", b"&a *a", b"!!x "][n % 8]
        if not body:
            return b""
    return bytes(body)


@pytest.mark.parametrize("what", ["zip", "directory", *["config.yaml", "toy_splits.yaml", X1, Y1]])
def test_no_change_of_bytes_gives_anything_but_an_entry_or_a_reason(
    members: Members, tmp_path: Path, what: str
) -> None:
    good, rng, refused = pack(tmp_path, members).read_bytes(), np.random.default_rng(3), 0
    for _ in range(40):
        if what == "zip":
            (tmp_path / NAME).write_bytes(mutated(good, rng))
        elif what == "directory":
            start = good.index(b"PK\x01\x02")
            (tmp_path / NAME).write_bytes(good[:start] + mutated(good[start:], rng))
        else:
            pack(tmp_path, {**members, what: mutated(members[what], rng)})
        refused += is_refused(tmp_path / NAME)  # raises whatever is no refusal
    assert refused > 10


def is_refused(path: Path) -> bool:
    """Return whether an entry is refused, with its reasons in single lines."""
    try:
        read_submission(path)
    except RefusedError as error:
        problems = error.problems
    else:
        return False
    assert problems
    assert all(problem and "\n" not in problem and len(problem) < 700 for problem in problems)
    return True


def test_plain_yaml_gives_text_and_nothing_else() -> None:
    assert parse_plain("a: 7\nb: [yes, 2001-01-01, ~]\nc: {d: '1'}", "x") == {
        "a": "7", "b": ["yes", "2001-01-01", "~"], "c": {"d": "1"},
    }  # fmt: skip
    assert parse_plain("", "x") is None
    for text in ("a: 1\n---\nb: 2", "? [a]\n: 1", "a: &x 1\nb: *x", "a: !!int 1", "a\nb: c: d"):
        with pytest.raises(DataError):
            parse_plain(text, "x")
