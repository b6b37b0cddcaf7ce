"""Anything at all may be in a submission: every reader gives an entry or one clear refusal, and nothing else.

`BENCH_FUZZ_EXAMPLES=20000 pytest tests/challenge/test_submission_fuzz.py` looks longer than the tests do.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import Cohort
from bench.challenge.archive import Archive, RefusedError, opened
from bench.challenge.blue_config import read_config
from bench.challenge.tables import read_labels, read_scores, read_values
from bench.core.errors import DataError
from bench.datasets.folds import make_splits, splits_from, splits_yaml
from bench.datasets.safe_yaml import MAX_DEPTH, parse_plain

fuzz = settings(
    max_examples=int(os.environ.get("BENCH_FUZZ_EXAMPLES", "150")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
COHORT = Cohort(
    X=np.arange(24, dtype=np.float32).reshape(8, 3),
    y=np.array(["a", "b"] * 4),
    genes=("G1", "G2", "G3"),
    samples=tuple(f"s{i}" for i in range(8)),
    units="vst",
)
CELLS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["1", "-2.5", "1e9", "1e10", "nan", "inf", "-inf", "1_0", "٣", "=1+1", "+1", "", " 1", '"', "0x1"]),
    st.floats().map(repr),
    st.integers().map(str),
)
HEADERS = st.one_of(
    st.permutations(["G1", "G2", "G3"]), st.lists(st.sampled_from(["G1", "G2", "G3", "G4", ""]), max_size=5)
)
SEPARATORS = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\x00\n", "\x85", "\u2028"])


@st.composite
def tables(draw: st.DrawFn, header: st.SearchStrategy[list[str]]) -> bytes:
    """Draw something like a CSV file."""
    head = draw(header)
    shaped = st.lists(st.floats(-9, 9).map(repr), min_size=len(head), max_size=len(head))
    rows = [head, *draw(st.lists(draw(st.sampled_from([shaped, st.lists(CELLS, max_size=4)])), max_size=6))]
    text = draw(SEPARATORS).join(draw(st.sampled_from([",", ",", ";", "\t"])).join(row) for row in rows)
    raw = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-8-sig"])), "surrogatepass")
    return draw(st.one_of(st.just(raw), st.binary(max_size=64)))


def in_words(error: DataError) -> None:
    """Check that a refusal says something, one line for each problem."""
    problems = error.problems if isinstance(error, RefusedError) else (str(error),)
    assert problems
    assert all(problem.strip() and "\n" not in problem for problem in problems)


def archive_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("table.csv", content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "entry.zip"


def in_zip(place: Path, content: bytes, read: Callable[[Archive], object]) -> object | None:
    """Return what a reader makes of one member, or None if it refuses it with words."""
    place.write_bytes(archive_of(content))
    try:
        with opened(place) as archive:
            return read(archive)
    except DataError as error:
        in_words(error)
        return None


@given(content=tables(HEADERS))
@fuzz
def test_a_table_of_values_is_finite_numbers_in_the_order_of_the_genes_or_refused(place: Path, content: bytes) -> None:
    found = in_zip(place, content, lambda archive: read_values(archive, "table.csv", COHORT))
    if found is not None:
        assert isinstance(found, np.ndarray)
        assert found.shape[1] == 3
        assert np.isfinite(found).all()


@given(content=tables(st.sampled_from([["kind"], ["a"], [""], ["x", "y"]])))
@fuzz
def test_a_table_of_labels_holds_known_labels_or_is_refused(place: Path, content: bytes) -> None:
    found = in_zip(place, content, lambda archive: read_labels(archive, "table.csv", COHORT))
    assert found is None or set(np.asarray(found)) <= {"a", "b"}


@given(content=tables(st.sampled_from([["membership_label"], ["score"], [""]])))
@fuzz
def test_a_table_of_scores_is_a_finite_number_for_everybody_or_refused(place: Path, content: bytes) -> None:
    found = in_zip(place, content, lambda archive: read_scores(archive, "table.csv", "membership_label", 3))
    assert found is None or (len(np.asarray(found)) == 3 and np.isfinite(np.asarray(found)).all())


PIECES = [
    "&a ",
    "*a",
    "!!python/name:os.system",
    "!",
    "? ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "|",
    ">",
    "%",
    "@",
    "#",
]
YAML = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from([*PIECES, "a: ", "\n", "  ", "7", "<<: *a", "--- ", "..."]), max_size=40).map("".join),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=12,
    ).map(yaml.safe_dump),
)


def leaves(found: object, depth: int = 0) -> Iterator[object]:
    assert depth <= MAX_DEPTH
    inside = found if isinstance(found, list) else [*found, *found.values()] if isinstance(found, dict) else None
    if inside is None:
        yield found
    else:
        for part in inside:
            yield from leaves(part, depth + 1)


@given(text=YAML)
@fuzz
def test_yaml_is_plain_text_in_lists_and_dictionaries_or_refused(text: str) -> None:
    try:
        found = parse_plain(text, "x.yaml")
    except DataError as error:
        in_words(error)
    else:
        assert all(leaf is None or isinstance(leaf, str) for leaf in leaves(found))


SCALARS = st.one_of(st.text(max_size=6), st.none(), st.sampled_from(["7", "42", "41", "-1", "1e3", "toy", "kind", "5"]))
NESTED = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
GOOD = {
    "dir_list": dict.fromkeys(("home", "meta", "processed_data", "data_save_dir", "split_save_dir"), "x"),
    "dataset_config": {
        **dict.fromkeys(("count_file", "annot_file", "sample_col_name"), "x"),
        "name": "toy",
        "subtype_col_name": "kind",
        "num_splits": "5",
        "random_seed": "7",
    },
    "generator_name": "g",
    "generate": "true",
    "train": "true",
    "load_from_checkpoint": "false",
    "g_config": {"random_seed": "7"},
}


@given(key=st.sampled_from([*GOOD, "new"]), value=NESTED, inner=st.sampled_from(["", "random_seed", "name"]))
@fuzz
def test_a_config_with_anything_in_it_is_read_or_refused(key: str, value: object, inner: str) -> None:
    content = {name: dict(part) if isinstance(part, dict) else part for name, part in GOOD.items()}
    if inner and isinstance(content.get(key), dict):
        content[key][inner] = value  # type: ignore[index]
    else:
        content[key] = value
    try:
        assert read_config(content, "toy", "kind").seed == 7
    except RefusedError as error:
        in_words(error)


@given(
    names=st.lists(st.sampled_from(["split_1", "split_2", "split_0", "x"]), max_size=3, unique=True),
    sides=st.lists(st.lists(st.sampled_from([*COHORT.samples, "s9", ""]), max_size=9), min_size=6, max_size=6),
    odd=NESTED,
    where=st.sampled_from(["", "top", "fold", "side"]),
)
@fuzz
def test_splits_are_disjoint_roles_of_known_samples_or_refused(
    names: list[str], sides: list[list[str]], odd: object, where: str
) -> None:
    folds: dict[str, object] = {
        name: {"train_index": sides[2 * i], "test_index": odd if where == "side" else sides[2 * i + 1]}
        for i, name in enumerate(names)
    }
    if where == "fold" and names:
        folds[names[0]] = odd
    try:
        found = splits_from(odd if where == "top" else {"splits": folds}, "s.yaml", COHORT, seed=1)
    except DataError as error:
        in_words(error)
    else:
        for split in found:
            assert not set(split.train.samples) & set(split.holdout.samples)
            assert set(split.train.samples) | set(split.holdout.samples) <= set(COHORT.samples)


SEED_ZIP = archive_of(splits_yaml(make_splits(COHORT, seed=1, n_folds=2)).encode())


@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(SEED_ZIP) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=6,
    ),
    cut=st.integers(0, len(SEED_ZIP)),
    tail=st.binary(max_size=30),
)
@fuzz
def test_a_damaged_zip_file_is_read_whole_or_refused(
    place: Path, changes: list[tuple[int, int]], cut: int, tail: bytes
) -> None:
    raw = bytearray(SEED_ZIP)
    for at, byte in changes:
        raw[at] = byte
    place.write_bytes((bytes(raw) if cut % 3 else bytes(raw[:cut])) + tail)
    try:
        with opened(place) as archive:
            for name in archive.names:
                assert list(archive.lines(name, 4096)) is not None
                parse_plain(archive.text(name, 1 << 16), "x.yaml")
    except DataError as error:
        in_words(error)
