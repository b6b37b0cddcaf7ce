"""Downloads from a local server that behaves, and from one that cuts, lies and refuses."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench import Cohort, DataError
from bench.cli.data import data_group
from bench.datasets import load_dataset
from bench.datasets.known import fetching
from bench.datasets.known.fetching import fetch_dataset

COUNTS = "TCGA-BRCA_primary_tumor_star_deseq_VST_lmgenes.tsv"
LABELS = "TCGA-BRCA_primary_tumor_subtypes.csv"


@dataclass
class Record:
    """A record on a local server, with the faults a test asks for."""

    url: str
    files: dict[str, bytes]
    checksums: dict[str, str] = field(default_factory=dict)  # wrong ones, by file name
    sizes: dict[str, int] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)  # an answer instead of the file
    cut_after: int = 0  # bytes of an answer after which the server hangs up
    cuts: int = 0  # how often it does
    ranges: bool = True
    listing: bytes | None = None  # an answer instead of the list of files
    asked: list[tuple[str, str]] = field(default_factory=list)  # (file, Range header)

    def describe(self) -> bytes:
        if self.listing is not None:
            return self.listing
        files = [
            {
                "key": name,
                "size": self.sizes.get(name, len(content)),
                "checksum": self.checksums.get(name, "md5:" + hashlib.md5(content).hexdigest()),
                "links": {"self": f"{self.url}/files/{name}/content"},
            }
            for name, content in self.files.items()
        ]
        return json.dumps({"id": 22996320, "files": files}).encode()


class _Handler(BaseHTTPRequestHandler):
    record: Record

    def do_GET(self) -> None:
        if "/files/" not in self.path:
            self._send(self.record.describe())
            return
        name = self.path.split("/")[-2]
        self.record.asked.append((name, self.headers.get("Range", "")))
        if name in self.record.status:
            self.send_error(self.record.status[name])
            return
        self._send_file(self.record.files[name])

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_file(self, content: bytes) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.record.ranges else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.record.cuts > 0:
            self.record.cuts -= 1
            self.wfile.write(content[start : start + self.record.cut_after])
            self.close_connection = True
            return
        self.wfile.write(content[start:])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        pass


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetching, "PAUSE_S", 0.0)
    return tmp_path / "home"


def _tables(cohort: Cohort, label: str) -> tuple[bytes, bytes]:
    lines = ["\t".join(["gene", *cohort.samples])]
    lines += ["\t".join([gene, *map(str, column)]) for gene, column in zip(cohort.genes, cohort.X.T, strict=True)]
    rows = [f"{name},P{i},{y}" for i, (name, y) in enumerate(zip(cohort.samples, cohort.y, strict=True))]
    return "\n".join(lines).encode(), "\n".join([f"samplesID,patient,{label}", *rows]).encode()


@pytest.fixture
def wide_cohort(toy_cohort: Cohort) -> Cohort:
    """Wide enough for a file of many blocks."""
    genes = tuple(f"{gene}_{k}" for k in range(10) for gene in toy_cohort.genes)
    return Cohort(np.tile(toy_cohort.X, 10), toy_cohort.y, genes, toy_cohort.samples, "vst")


@pytest.fixture
def record(wide_cohort: Cohort, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    url = f"http://127.0.0.1:{server.server_port}/api/records/22996320"
    counts, labels = _tables(wide_cohort, "Subtype")
    handler.record = Record(url, {COUNTS: counts, LABELS: labels, "README.md": b"about", "f1000.tsv": b"genes"})
    monkeypatch.setenv("BENCH_RECORD_URL", url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield handler.record
    server.shutdown()
    thread.join()
    server.server_close()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _manifest(home: Path, name: str = "brca") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((home / name / "manifest.json").read_text())
    return content


# -- a server that behaves ---------------------------------------------------------------------------------------------


def test_the_files_of_the_record_are_found_fetched_and_imported(
    record: Record, wide_cohort: Cohort, home: Path
) -> None:
    dataset = fetch_dataset("brca")
    assert not dataset.simulated
    assert dataset.cohort.y.tolist() == wide_cohort.y.tolist()
    assert load_dataset("brca").digest == dataset.digest
    assert sorted(name for name, _ in record.asked) == [COUNTS, LABELS]


def test_the_manifest_records_what_arrived(record: Record, home: Path) -> None:
    fetch_dataset("brca")
    manifest = _manifest(home)
    assert "10.5281/zenodo.22996320" in manifest["source"]
    for file, name in zip(manifest["files"], (COUNTS, LABELS), strict=True):
        assert file["sha256"] == hashlib.sha256(record.files[name]).hexdigest()
        assert file["checksum"] == "md5:" + hashlib.md5(record.files[name]).hexdigest()
        assert file["url"] == f"{record.url}/files/{name}/content"


def test_an_archive_is_unpacked(record: Record, toy_cohort: Cohort, home: Path) -> None:
    codes = np.array([{"a": "TCGA-LUAD", "b": "TCGA-OV", "c": "TCGA-SKCM"}[y] for y in toy_cohort.y.tolist()])
    cohort = Cohort(toy_cohort.X, codes, toy_cohort.genes, toy_cohort.samples, "vst")
    counts, labels = _tables(cohort, "cancer_type")
    reference = b"\n".join(b"\t".join(line.split(b"\t")[:9]) for line in counts.replace(b"\ts", b"\tR").splitlines())
    stem = "TCGA-COMBINED/TCGA-COMBINED_primary_tumor_"
    archive = _zip(
        {
            f"{stem}star_deseq_VST_lmgenes.tsv": counts,
            f"{stem}subtypes.csv": labels,
            f"{stem}star_deseq_VST_lmgenes_reference.tsv": reference,
            "__MACOSX/._x": b"",
            "../../outside.tsv": b"never written",
        }
    )
    record.files = {"TCGA-BRCA.zip": b"", "TCGA-COMBINED.zip": archive, "split_indices.zip": b""}
    dataset = fetch_dataset("combined")
    assert dataset.cohort.y.tolist() == codes.tolist()
    assert dataset.reference is not None
    assert len(dataset.reference) == 8
    assert [file["role"] for file in _manifest(home, "combined")["files"]] == [
        "archive", "counts", "labels", "reference",
    ]  # fmt: skip
    assert not list(home.parent.rglob("outside.tsv"))


def test_progress_is_told(record: Record, home: Path) -> None:
    told: list[tuple[str, int, int]] = []
    fetch_dataset("brca", report=lambda *event: told.append(event))
    assert told[-1] == (LABELS, len(record.files[LABELS]), len(record.files[LABELS]))
    assert {name for name, _, _ in told} == {COUNTS, LABELS}


def test_the_command_line_fetches(record: Record, home: Path) -> None:
    result = CliRunner().invoke(data_group, ["fetch", "brca"])
    assert result.exit_code == 0, result.output
    assert "60 samples x 160 genes" in result.output
    assert CliRunner().invoke(data_group, ["verify", "brca"]).exit_code == 0


def test_files_that_are_here_are_not_downloaded_again(record: Record, home: Path) -> None:
    fetch_dataset("brca")
    record.asked.clear()
    fetch_dataset("brca", force=True)
    assert record.asked == []


def test_a_fetched_dataset_is_replaced_only_on_request(record: Record, home: Path) -> None:
    fetch_dataset("brca")
    with pytest.raises(DataError, match=r"'brca' is in .* already. Say --force to fetch and import it again"):
        fetch_dataset("brca")


# -- a server that does not --------------------------------------------------------------------------------------------


def test_a_cut_connection_is_resumed_in_the_same_run(record: Record, wide_cohort: Cohort, home: Path) -> None:
    record.cut_after, record.cuts = 2 * fetching.BLOCK + 100, 2
    assert fetch_dataset("brca").cohort.genes == wide_cohort.genes
    asked = [where for name, where in record.asked if name == COUNTS]
    assert asked == ["", f"bytes={2 * fetching.BLOCK}-", f"bytes={4 * fetching.BLOCK}-"]


def test_an_interrupted_download_is_continued_by_the_next_run(record: Record, home: Path) -> None:
    record.cut_after, record.cuts = fetching.BLOCK + 100, 99
    with pytest.raises(
        DataError, match=rf"{COUNTS} broke off 4 times, {4 * fetching.BLOCK} of .* Run the command again to continue"
    ):
        fetch_dataset("brca")
    assert not (home / "brca").exists()
    record.cuts = 0
    record.asked.clear()
    fetch_dataset("brca")
    assert record.asked[0] == (COUNTS, f"bytes={4 * fetching.BLOCK}-")


def test_a_server_without_ranges_starts_anew(record: Record, home: Path) -> None:
    record.ranges = False
    record.cut_after, record.cuts = 2 * fetching.BLOCK, 1
    fetch_dataset("brca")
    assert _manifest(home)["files"][0]["sha256"] == hashlib.sha256(record.files[COUNTS]).hexdigest()


def test_a_partial_file_of_another_version_is_dropped(record: Record, home: Path) -> None:
    folder = home / ".downloads" / "brca"
    folder.mkdir(parents=True)
    record.sizes[COUNTS] = len(record.files[COUNTS]) + 10**6  # the record still announces the longer version
    (folder / f"{COUNTS}.part").write_bytes(b"x" * (len(record.files[COUNTS]) + 1))
    with pytest.raises(DataError, match=r"broke off 4 times"):
        fetch_dataset("brca")
    record.sizes.clear()
    fetch_dataset("brca")


def test_a_wrong_checksum_is_refused_and_what_arrived_is_deleted(record: Record, home: Path) -> None:
    record.checksums[COUNTS] = "md5:" + "0" * 32
    with pytest.raises(
        DataError, match=rf"{COUNTS} .* does not have the record's checksum md5:0+; it was deleted. Run"
    ):
        fetch_dataset("brca")
    assert not (home / "brca").exists()
    assert list((home / ".downloads" / "brca").iterdir()) == []
    record.checksums.clear()
    fetch_dataset("brca")  # the next run starts anew


def test_a_file_that_is_gone_is_one_clear_error(record: Record, home: Path) -> None:
    record.status[LABELS] = 404
    with pytest.raises(
        DataError, match=r"the server answers 404 Not Found for .*Try again later, or download .* by hand"
    ):
        fetch_dataset("brca")


def test_a_record_without_the_files_lists_what_it_holds(record: Record, home: Path) -> None:
    del record.files[COUNTS], record.files[LABELS]
    with pytest.raises(DataError, match=r"has no file of TCGA-BRCA; it holds README.md \(5 bytes\), f1000.tsv.*--file"):
        fetch_dataset("brca")


def test_a_record_with_half_of_the_files_names_the_missing_one(record: Record, home: Path) -> None:
    del record.files[LABELS]
    with pytest.raises(DataError, match=r"but no TCGA-BRCA_primary_tumor_subtypes.csv"):
        fetch_dataset("brca")


def test_several_archives_ask_for_a_choice(record: Record, home: Path) -> None:
    archive = _zip({COUNTS: record.files[COUNTS], LABELS: record.files[LABELS]})
    record.files = {"BLUE_TCGA-BRCA.zip": archive, "RED_TCGA-BRCA.zip": _zip({"x": b""})}
    with pytest.raises(DataError, match=r"has several archives of TCGA-BRCA; .* Name the right ones with --file"):
        fetch_dataset("brca")
    with pytest.raises(DataError, match=r"has no file 'GREEN.zip'; it holds BLUE_TCGA-BRCA.zip"):
        fetch_dataset("brca", wanted=["GREEN.zip"])
    with pytest.raises(DataError, match=r"none of the files from .* is called as those of TCGA-BRCA are"):
        fetch_dataset("brca", wanted=["RED_TCGA-BRCA.zip"])
    assert len(fetch_dataset("brca", wanted=["BLUE_TCGA-BRCA.zip"]).cohort) == 60


def test_a_broken_archive_is_one_clear_error(record: Record, home: Path) -> None:
    record.files = {"TCGA-BRCA.zip": b"no archive"}
    with pytest.raises(DataError, match=r"is no zip archive, although its checksum is right.*Unpack it by hand"):
        fetch_dataset("brca")


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        (b"<html>sign in</html>", "did not answer with JSON; open it in a browser"),
        (b'{"metadata": {}}', "describes its files in an unknown form"),
        (b'{"files": [{"key": "x", "size": 1, "checksum": "", "links": {"self": ""}}]}', "in an unknown form"),
    ],
)
def test_an_answer_that_is_no_record_is_refused(listing: bytes, message: str, record: Record, home: Path) -> None:
    record.listing = listing
    with pytest.raises(DataError, match=message):
        fetch_dataset("brca")


def test_no_network_says_what_to_do_by_hand(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_RECORD_URL", "http://127.0.0.1:9/api/records/22996320")
    with pytest.raises(
        DataError, match=r"cannot be reached: .*Check the network, or .* https://doi.org/10.5281/zenodo"
    ):
        fetch_dataset("brca")


def test_a_dataset_that_is_not_in_the_record_is_refused(home: Path) -> None:
    with pytest.raises(DataError, match=r"'mirna12' is not in the open-access record, which holds brca and combined"):
        fetch_dataset("mirna12")
    with pytest.raises(DataError, match=r"Did you mean 'combined'\?"):
        fetch_dataset("combind")
