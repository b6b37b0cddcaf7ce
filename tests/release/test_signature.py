"""Signatures: what was changed, added or left out is named, and the private key is its owner's alone."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.core.errors import DataError
from bench.release.certificate import write_certificate
from bench.release.signature import CERTIFICATE, PUBLIC_KEY, SIGNATURE, problems_of, sign, signing_key

pytest.importorskip("cryptography")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "synthetic.csv").write_text("sample,G1\na,1\n")
    (folder / "CARD.md").write_text("# A card\n")
    write_certificate(folder, {"release": "r1"})
    sign(folder, signing_key(tmp_path / "keys" / "key.pem"))
    return folder


def test_a_release_as_it_was_made_has_no_problem(release: Path, tmp_path: Path) -> None:
    assert list(problems_of(release)) == []
    assert list(problems_of(release, release / PUBLIC_KEY)) == []


def test_the_key_is_made_once_and_is_nobody_elses_to_read(release: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    signing_key(path)
    assert path.read_bytes() == before


def _touch(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text() + " ")


def _edit_certificate(folder: Path) -> None:
    document = json.loads((folder / CERTIFICATE).read_text())
    document["release"] = "r2"
    (folder / CERTIFICATE).write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_touch("synthetic.csv"), "synthetic.csv was changed"),
        (_touch("CARD.md"), "CARD.md was changed"),
        (lambda folder: (folder / "CARD.md").unlink(), "CARD.md is missing"),
        (lambda folder: (folder / "more.csv").write_text(""), "more.csv is not in the certificate"),
        (_edit_certificate, "the certificate was changed"),
        (lambda folder: (folder / CERTIFICATE).write_text("{"), "certificate.json cannot be read"),
        (lambda folder: (folder / SIGNATURE).write_text("AAAA\n"), "the signature is not that of certificate.json"),
        (lambda folder: (folder / PUBLIC_KEY).write_text("no key"), "the signature is not that of certificate.json"),
    ],
)
def test_what_was_changed_is_named(release: Path, change: Callable[[Path], object], words: str) -> None:
    change(release)
    assert any(words in problem for problem in problems_of(release))


def test_a_release_that_a_stranger_signed_anew_is_found_by_the_key(release: Path, tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes((release / PUBLIC_KEY).read_bytes())
    (release / "synthetic.csv").write_text("sample,G1\na,2\n")
    for name in (CERTIFICATE, SIGNATURE, PUBLIC_KEY):
        (release / name).unlink()
    write_certificate(release, {"release": "r1"})
    sign(release, signing_key(tmp_path / "stranger.pem"))
    assert list(problems_of(release)) == []
    assert list(problems_of(release, trusted)) == [f"it is signed with another key than {trusted}"]


def test_a_file_that_is_no_public_key_is_no_other_key(release: Path, tmp_path: Path) -> None:
    (tmp_path / "y.csv").write_text("id,label\n")
    for path in (tmp_path / "y.csv", tmp_path / "keys" / "key.pem"):  # the private one is none either
        with pytest.raises(DataError, match="is no public key; expected a file like"):
            list(problems_of(release, path))


def test_a_folder_that_is_no_release_and_a_file_that_is_no_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no certificate.json; expected a folder that `bench release` wrote"):
        list(problems_of(tmp_path))
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(DataError, match="is no private key"):
        signing_key(tmp_path / "key.pem")
