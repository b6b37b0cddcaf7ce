"""A release from beginning to end: what it is made of, what stays secret, and what is refused before and after."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import Cohort, Dataset, run
from bench.boundary.making import train
from bench.conformance import people
from bench.core.errors import BenchError
from bench.execution import Limits, Serial
from bench.registry.finding import add_plugin_file
from bench.registry.selection import choose
from bench.release.card import write_card
from bench.release.dcat import TO_ADD
from bench.release.failures import fails_with_anybody
from bench.release.ledger import Ledger
from bench.release.make import RefusedReleaseError, Request, make_release
from bench.release.signature import problems_of

pytest.importorskip("cryptography")

_PLUGIN = '''
from dataclasses import dataclass
import numpy as np
from bench import PrivacyClaim, generator

@generator("{name}")
@dataclass(kw_only=True)
class Planted:
    """Draw from the mean and spread of each class."""

    epsilon: float = 2.0

    def fit(self, cohort, *, rng):
        self.seen_ = cohort
        return self

    def sample(self, n, *, rng):
        labels, codes = np.unique(self.seen_.y, return_inverse=True)
        y = labels[rng.integers(len(labels), size=n)]
        X = np.stack([
            rng.normal(self.seen_.X[self.seen_.y == k].mean(axis=0), self.seen_.X[self.seen_.y == k].std(axis=0))
            for k in y
        ])
{sample}
        return self.seen_.synthetic(X, y)
{claim}
'''
_CLAIM = """
    def claim(self):
        return PrivacyClaim(
            mechanism="none, really", unit="one sample", neighbours="{neighbours}", epsilon=self.epsilon, delta=1e-6,
            accountant="none", outside=("everything",),
        )
"""

_STRONGEST = {"attack": "noisy_sum_ratio", "value": 0.65, "low": 0.6, "high": 0.7, "n_attacks": 2, "n_folds": 5}
_ONE = {"mean": 0.8, "low": 0.7, "high": 0.9}
_DOCUMENT = {  # what a card reads of a certificate
    "for_publication": True, "benchmarked": True, "benchmark_folds": 5, "release": "0f", "made": "2026-11-30T00:00:00",
    "dataset": {"title": "Mine", "simulated": False, "held_out": 0.1},
    "data": {"kind": "expression", "what": "5 rows", "classes": {"a": 5}, "features": 2, "units": "log2", "grid": "12 bits"},
    "generator": {"name": "dp_prior", "summary": "It draws."},
    "claim": {
        "epsilon": 10.0, "delta": 1e-5, "unit": "one sample", "neighbours": "add-remove", "mechanism": "m",
        "accountant": "a", "outside": ["the VST"], "public": [],
    },
    "ledger": {"releases": 3, "epsilon": 30.0, "delta": 3 * 1e-5, "unbounded": 0},
    "exposure_of_the_configuration": {
        "strongest": _STRONGEST, "ceiling": 0.92,
        "attacks": {"noisy_sum_ratio": {"auc": 0.66, "access": "black-box + labels"}},
    },
    "exposure_of_this_release": None, "audits": [], "checks": {}, "limits": [], "intended_use": [], "prohibited_use": [],
    "usefulness": {
        "balanced_accuracy_synthetic": {**_ONE, "mean": 0.7}, "accuracy_synthetic": _ONE,
        "worst_class_recall_synthetic": {**_ONE, "mean": 0.3},
    },
}  # fmt: skip


def plant(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, sample: str = "", neighbours: str = "replace-one"
) -> None:
    """Add a generator of class means and spreads that claims something, unless `neighbours` is empty."""
    monkeypatch.delitem(sys.modules, f"bench_plugin_{name}", raising=False)
    claim = _CLAIM.format(neighbours=neighbours) if neighbours else ""
    text = _PLUGIN.format(name=name, sample=textwrap.indent(sample, " " * 8), claim=claim)
    (folder / f"{name}.py").write_text(text)
    add_plugin_file(folder / f"{name}.py")


@pytest.fixture(scope="module")
def mine() -> Dataset:
    return Dataset.from_cohort("mine", people(150, "release"), label="kind", simulated=True)


@pytest.fixture
def request_(mine: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    """A request of a release that nothing speaks against, but that nobody benchmarked it."""
    plant(tmp_path, monkeypatch, "release_plain")
    return Request(
        dataset=mine, choice=choose("generator", "release_plain")[0], out=tmp_path / "release",
        results=tmp_path / "results", unbenchmarked=True, ledger=tmp_path / "ledger.jsonl", key=tmp_path / "key.pem",
        limits=Limits(1, 1),
    )  # fmt: skip


def certificate(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "certificate.json").read_text())
    return document


def test_a_release_holds_data_certificate_card_and_metadata(request_: Request) -> None:
    folder = make_release(replace(request_, formats="csv,tsv,parquet"))
    assert sorted(path.name for path in folder.iterdir()) == [
        "CARD.html", "CARD.md", "certificate.json", "certificate.sig", "croissant.json",
        "healthdcat-ap.jsonld", "public_key.pem", "ro-crate-metadata.json", "synthetic.csv", "synthetic.parquet", "synthetic.tsv",
    ]  # fmt: skip
    assert list(problems_of(folder)) == []
    table = pd.read_csv(folder / "synthetic.csv")
    assert list(table.columns) == ["sample", "kind", *request_.dataset.cohort.features]
    assert len(table) == 150
    pd.testing.assert_frame_equal(table, pd.read_csv(folder / "synthetic.tsv", sep="\t"))
    X = pd.read_parquet(folder / "synthetic.parquet")[list(request_.dataset.cohort.features)].to_numpy()
    np.testing.assert_allclose(X, table[list(request_.dataset.cohort.features)], rtol=1e-6)
    assert not (X.astype(np.float32).view(np.uint32) & 0xFFF).any()  # on the grid


def test_the_certificate_says_the_claim_and_what_nobody_measured(request_: Request) -> None:
    document = certificate(make_release(request_))
    assert document["claim"]["epsilon"] == 2.0
    assert not document["claim"]["end_to_end"]
    assert document["sp800_226"]["guarantee"] == "(2, 1e-06)-differential privacy"
    assert document["sp800_226"]["steps outside the budget"] == "everything"
    assert document["for_publication"] is True
    assert document["benchmarked"] is False
    assert document["exposure_of_the_configuration"] is None
    assert document["exposure_of_this_release"] is None
    card = (request_.out / "CARD.md").read_text()
    for words in ("SIMULATED", "NOT BENCHMARKED", "does not hold end to end", "release 1 of this cohort"):
        assert words in card
    assert "anonymous" not in card.lower()


def test_an_older_import_names_folders_and_a_release_does_not(request_: Request, mine: Dataset) -> None:
    older = replace(mine, source="imported from /home/steward/trial 7/X.csv")
    document = certificate(make_release(replace(request_, dataset=older)))
    assert document["dataset"]["source"] == "imported from X.csv"
    assert "steward" not in "".join(path.read_text() for path in request_.out.iterdir())


def test_the_boxes_of_a_card_show_the_worst_class_and_a_claim_in_part(tmp_path: Path) -> None:
    write_card(tmp_path, _DOCUMENT)
    html, text = ((tmp_path / name).read_text() for name in ("CARD.html", "CARD.md"))
    boxes = re.findall(r"<li>(.*?) <b>(.*?)</b></li>", html)
    assert boxes == [
        ("claimed epsilon", "10, in part"), ("strongest attack, AUC", "0.650"), ("balanced accuracy", "0.700"),
        ("worst class", "0.300"),
    ]  # fmt: skip
    assert "delta 3e-05 (sums)" in text
    assert '<span class="whole">delta 3e-05</span> (sums)' in html
    assert "every attack on it failed: what it leaks is unknown" in text
    assert "less the luck of being the best of so many" in text
    assert "noisy_\u200bsum_\u200bratio" in html  # may break there on a phone, and nowhere else


def test_what_was_done_to_the_data_before_training_is_outside_the_claim(
    request_: Request, mine: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = f"assert not set(self.seen_.samples) & {set(mine.cohort.samples)!r}"
    plant(tmp_path, monkeypatch, "release_handed", sample=sample)
    prepared = replace(mine, outside=("a transform fitted on all people",))
    choice = choose("generator", "release_handed")[0]
    document = certificate(make_release(replace(request_, dataset=prepared, choice=choice)))
    assert document["claim"]["outside"] == ["everything", "a transform fitted on all people"]
    assert document["sp800_226"]["steps outside the budget"] == "everything; a transform fitted on all people"
    assert document["sp800_226"]["public data used"] == "none"
    for name in ("CARD.md", "CARD.html"):
        assert "a transform fitted on all people" in (request_.out / name).read_text()


def test_no_person_and_no_digest_of_the_people_is_in_any_file(request_: Request) -> None:
    folder = make_release(request_)
    text = "\n".join(path.read_text() for path in folder.iterdir())
    cohort = request_.dataset.cohort
    assert cohort.digest not in text
    assert not any(f'"{name}"' in text or f"\n{name}," in text for name in cohort.samples)


def test_two_releases_differ_and_the_seed_is_nowhere(request_: Request, tmp_path: Path) -> None:
    first = make_release(request_)
    second = make_release(replace(request_, out=tmp_path / "again"))
    assert (first / "synthetic.csv").read_bytes() != (second / "synthetic.csv").read_bytes()
    assert "secret" in certificate(first)["sp800_226"]["randomness"]


def test_a_known_seed_repeats_the_data_and_marks_them(request_: Request, tmp_path: Path) -> None:
    folders = [make_release(replace(request_, seed=7, out=tmp_path / name)) for name in ("a", "b")]
    first, second = ((folder / "synthetic.csv").read_bytes() for folder in folders)
    assert first == second
    assert certificate(folders[0])["for_publication"] is False
    for name in ("CARD.md", "CARD.html"):
        assert "NOT FOR PUBLICATION" in (folders[0] / name).read_text()
    for name in ("croissant.json", "ro-crate-metadata.json"):
        assert "Not for publication" in (folders[0] / name).read_text()


def test_the_number_of_people_is_a_secret_where_the_claim_is_about_adding_one(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert certificate(make_release(request_))["dataset"]["people_trained_on"] == 150
    plant(tmp_path, monkeypatch, "release_added", neighbours="add-remove")
    choice = choose("generator", "release_added")[0]
    folder = make_release(replace(request_, choice=choice, out=tmp_path / "added"))
    assert len(pd.read_csv(folder / "synthetic.csv")) == 1000
    assert "people_trained_on" not in certificate(folder)["dataset"]
    asked = make_release(replace(request_, choice=choice, rows=40, out=tmp_path / "asked"))
    assert len(pd.read_csv(asked / "synthetic.csv")) == 40


def test_the_ledger_adds_releases_up(request_: Request, tmp_path: Path) -> None:
    make_release(request_)
    second = certificate(make_release(replace(request_, out=tmp_path / "two")))
    assert second["ledger"]["releases"] == 2
    assert second["ledger"]["epsilon"] == 4.0
    events = [line["event"] for line in Ledger(tmp_path / "ledger.jsonl").lines()]
    assert events == ["begun", "trained", "published"] * 2


def test_who_is_held_out_is_not_trained_on_and_the_release_is_attacked(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attacks = choose("attack", "gan_leaks,mc,surrogate_loss,white_box_loss")  # the last one needs code
    document = certificate(make_release(replace(request_, hold_out=0.2, attacks=attacks)))
    assert document["dataset"]["people_trained_on"] == 120
    strongest = document["exposure_of_this_release"]["strongest"]
    assert strongest["n_attacks"] == 3
    assert 0 <= strongest["low"] <= strongest["high"] <= 1
    assert document["exposure_of_this_release"]["ceiling"] == pytest.approx(0.6244, abs=1e-4)
    assert [path.name for path in tmp_path.glob(".release.attacks.*")] == []  # real people were in it


def test_what_was_benchmarked_is_in_the_certificate(request_: Request, mine: Dataset, tmp_path: Path) -> None:
    results = tmp_path / "results"
    run(
        "release_plain", mine, folds=[1, 2], metrics="tstr,mmd", attacks="gan_leaks,mc", out=results, threads=1,
        executor=Serial(), progress=False,
    )  # fmt: skip
    document = certificate(make_release(replace(request_, unbenchmarked=False)))
    assert document["benchmarked"] is True
    assert document["benchmark_folds"] == 2
    exposure = document["exposure_of_the_configuration"]
    assert set(exposure["attacks"]) == {"gan_leaks", "mc"}
    assert exposure["attacks"]["mc"]["folds"] == 2
    assert document["usefulness"]["accuracy_synthetic"]["low"] <= document["usefulness"]["accuracy_synthetic"]["mean"]
    assert "<td>worst class</td>" not in (request_.out / "CARD.html").read_text()  # which nobody measured
    assert re.search(r"<td>accuracy</td><td class=\"n\">0\.\d{3}</td>", (request_.out / "CARD.html").read_text())
    with pytest.raises(RefusedReleaseError, match=r"tells who was in the training .* 0\.01 is allowed"):
        make_release(replace(request_, unbenchmarked=False, out=tmp_path / "two", exposure=0.01))
    other = Dataset.from_cohort("mine", people(150, "other people"), label="kind", simulated=True)
    with pytest.raises(RefusedReleaseError, match="was never attacked on this very cohort"):
        make_release(replace(request_, dataset=other, unbenchmarked=False, out=tmp_path / "three"))


# -- refusals ----------------------------------------------------------------------------------------------------------


def refused(request: Request, words: str) -> None:
    """Check that a release is refused for this reason, and that nothing is left of it."""
    with pytest.raises(RefusedReleaseError, match=words):
        make_release(request)
    assert not request.out.exists() or any(request.out.iterdir())


def test_what_is_refused_before_training_spends_nothing(request_: Request, tmp_path: Path) -> None:
    few = Dataset.from_cohort("mine", people(60), label="kind", simulated=True)
    refused(replace(request_, dataset=few), "has 60 people; fewer than 100 hide nobody")
    refused(replace(request_, unbenchmarked=False), "was never attacked on this very cohort")
    refused(replace(request_, choice=choose("generator", "noise")[0]), "noise is a control")
    refused(replace(request_, budget=1.9, choice=choose("generator", "noise")[0]), "noise is a control")
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "mine.txt").write_text("")
    refused(request_, "exists already")
    assert Ledger(tmp_path / "ledger.jsonl").spent().releases == 0


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("X[:2] = self.seen_.X[:2]", "2 rows are people of the cohort"),
        ("X[:9] = self.seen_.X[:9] + 0.02 * rng.normal(size=X[:9].shape)", "9 rows lie within .* of a person"),
        ("X = np.clip(X, self.seen_.X.min(axis=0), self.seen_.X.max(axis=0))", "exact value of one person"),
    ],
)
def test_people_in_the_release_are_refused_and_the_budget_is_spent(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: str, words: str
) -> None:
    plant(tmp_path, monkeypatch, "release_leak", sample=sample)
    refused(replace(request_, choice=choose("generator", "release_leak")[0]), words)
    lines = Ledger(tmp_path / "ledger.jsonl").lines()
    assert [line["event"] for line in lines] == ["begun", "trained", "refused"]
    assert Ledger(tmp_path / "ledger.jsonl").spent().epsilon == 2.0


@pytest.mark.parametrize("sample", ["raise ValueError('never')", "raise ValueError(str(self.seen_.X.sum()))"])
def test_what_fails_after_training_has_spent_its_budget(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: str
) -> None:
    plant(tmp_path, monkeypatch, "release_fails", sample=sample)
    with pytest.raises(ValueError, match=r"."):
        make_release(replace(request_, choice=choose("generator", "release_fails")[0]))
    lines = Ledger(tmp_path / "ledger.jsonl").lines()
    assert [line["event"] for line in lines] == ["begun", "trained", "failed"]
    assert lines[-1]["spent"] is True
    assert Ledger(tmp_path / "ledger.jsonl").spent().releases == 1


def test_only_a_failure_in_the_same_words_on_made_up_people_spends_nothing(mine: Dataset) -> None:
    choice, cohort = choose("generator", "private_pgm[epsilon=-1]")[0], mine.cohort
    with pytest.raises(BenchError, match="epsilon is -1") as found:
        train(choice.info, choice.params, cohort, rng=np.random.default_rng(1))
    assert fails_with_anybody(choice, cohort, found.value)
    assert not fails_with_anybody(choice, cohort, BenchError("of these people"))
    assert not fails_with_anybody(choose("generator", "multivariate")[0], cohort, found.value)


def test_a_budget_holds_over_releases(request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_release(replace(request_, budget=5.0))
    make_release(replace(request_, budget=5.0, out=tmp_path / "two"))
    refused(
        replace(request_, budget=5.0, out=tmp_path / "three"),
        r"5 is not enough: 4 was spent by 2 earlier releases, and",
    )
    plant(tmp_path, monkeypatch, "release_unclaimed", neighbours="")
    unclaimed = replace(request_, choice=choose("generator", "release_unclaimed")[0], out=tmp_path / "four")
    refused(replace(unclaimed, budget=9.0), "release_unclaimed claims no epsilon")
    refused(
        replace(request_, budget=90.0, out=tmp_path / "five"),
        "of 4 earlier releases of this cohort 1 claims no epsilon",
    )


def test_an_audit_that_refutes_the_claim_stops_the_release(request_: Request, mine: Dataset, tmp_path: Path) -> None:
    audits = tmp_path / "results" / "audits"
    audits.mkdir(parents=True)
    columns = pd.read_csv(Path(__file__).parents[2] / "results/audits/brca.csv", nrows=1)
    line = columns.assign(generator="release_plain", params="", verdict="refuted", data=mine.digest[:12])
    line.to_csv(audits / f"{mine.slug}.csv", index=False)
    refused(request_, "an audit in .* refutes the claim of release_plain")


def test_a_hold_out_that_leaves_nobody_is_refused(request_: Request) -> None:
    with pytest.raises(BenchError, match=r"--hold-out 0.001 leaves nobody out"):
        make_release(replace(request_, hold_out=0.001, attacks=choose("attack", "mc")))
    assert Ledger(request_.ledger or Path()).lines() == []


# -- kills -------------------------------------------------------------------------------------------------------------

_KILLED = """
import sys
from pathlib import Path
from bench import Dataset
from bench.boundary.making import train
from bench.conformance import people
from bench.execution import Limits
from bench.registry.finding import add_plugin_file
from bench.registry.selection import choose
from bench.release.make import Request, make_release

folder = Path(sys.argv[1])
add_plugin_file(folder / "release_plain.py")
mine = Dataset.from_cohort("mine", people(150, "release"), label="kind", simulated=True)
print("ready", flush=True)
make_release(Request(
    dataset=mine, choice=choose("generator", "release_plain")[0], out=folder / "release", results=folder / "results",
    unbenchmarked=True, ledger=folder / "ledger.jsonl", key=folder / "key.pem", limits=Limits(1, 1),
))
"""


@pytest.mark.full
def test_a_release_that_is_killed_is_whole_or_not_there_and_its_budget_is_never_lost(
    request_: Request, tmp_path: Path
) -> None:
    rng, begun, whole, took = np.random.default_rng(), 0, 0, 0.0
    for attempt in range(26):  # the first one is left alone, and says how long a release takes
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        process.stdout.readline()
        start = time.monotonic()
        if attempt:
            time.sleep(rng.uniform(0, 1.2 * took))
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        took = took or time.monotonic() - start
        process.stdout.close()
        spent = Ledger(tmp_path / "ledger.jsonl").spent()  # every line can be read
        assert spent.releases >= begun
        begun = spent.releases
        if request_.out.exists():
            whole += 1
            assert list(problems_of(request_.out)) == []
            request_.out.rename(tmp_path / f"kept_{whole}")
        assert not request_.out.exists()
        assert attempt or whole == 1
    published = sum(line["event"] == "published" for line in Ledger(tmp_path / "ledger.jsonl").lines())
    assert published <= whole <= begun


def test_the_toy_cohort_is_too_small(request_: Request, toy_cohort: Cohort) -> None:
    toy = Dataset.from_cohort("mine", toy_cohort, label="kind", simulated=True)
    refused(replace(request_, dataset=toy), "60 people")


def test_the_description_for_health_catalogues_says_what_is_known_and_what_is_missing(request_: Request) -> None:
    folder = make_release(replace(request_, source_terms="DUO:0000042", rows=120))
    found = json.loads((folder / "healthdcat-ap.jsonld").read_text())
    assert found["healthdcatap:numberOfRecords"]["@value"] == "120"
    assert found["dct:conformsTo"]["@id"] == "http://purl.obolibrary.org/obo/DUO_0000042"
    (part,) = found["dcat:distribution"]
    assert (
        part["spdx:checksum"]["spdx:checksumValue"]["@value"] == certificate(folder)["files"]["synthetic.csv"]["sha256"]
    )
    assert "dct:publisher" in found["rdfs:comment"]["@value"]
    assert not {"dct:publisher", "dct:accessRights", "healthdcatap:hdab"} & found.keys()  # nothing is made up
    prefixes = {name.partition(":")[0] for name in found if ":" in name}
    assert prefixes <= found["@context"].keys()


_AGENT = {
    "@type": "foaf:Agent", "foaf:name": "A hospital", "foaf:homepage": {"@id": "https://example.org"},
    "foaf:mbox": {"@id": "mailto:data@example.org"},
}  # fmt: skip
_BY_THE_STEWARD = {  # what nobody but the publisher knows
    "dct:publisher": {
        **_AGENT, "healthdcatap:publisherType": {"@id": "https://example.org/type"},
        "healthdcatap:publisherNote": "Publishes.", "healthdcatap:trustedDataHolder": True,
    },
    "dcat:contactPoint": {
        "@type": "vcard:Kind", "vcard:hasURL": {"@id": "https://example.org"},
        "vcard:hasEmail": {"@id": "mailto:data@example.org"},
    },
    "dct:accessRights": {"@id": "http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC"},
    "dcatap:applicableLegislation": {"@id": "http://data.europa.eu/eli/reg/2025/327/oj"},
    "healthdcatap:hdab": _AGENT,
    "healthdcatap:healthCategory": {"@id": "https://example.org/category"},
    "healthdcatap:healthTheme": {"@id": "https://example.org/theme"},
    "dcat:theme": {"@id": "http://publications.europa.eu/resource/authority/data-theme/HEAL"},
    "dct:spatial": {"@id": "http://publications.europa.eu/resource/authority/country/AUT"},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::Warning")  # of the libraries of the referee
def test_the_description_for_health_catalogues_lacks_what_it_names_and_is_right_with_it(request_: Request) -> None:
    """Held against the SHACL shapes of HealthDCAT-AP for sensitive data, which `dh-healthdcat` ships."""
    pyshacl, rdflib = pytest.importorskip("pyshacl"), pytest.importorskip("rdflib")
    shipped = pytest.importorskip("dh_healthdcat").__path__[0]
    shapes = rdflib.Graph().parse(f"{shipped}/validate/shapes/hdap-validator-sensitivity-shape.ttl")
    folder = make_release(replace(request_, formats="csv,tsv,parquet"))
    document = json.loads((folder / "healthdcat-ap.jsonld").read_text())

    def wrong() -> set[str]:
        graph = rdflib.Graph().parse(data=json.dumps(document), format="json-ld")
        _, report, _ = pyshacl.validate(graph, shacl_graph=shapes, advanced=True)
        return {report.qname(path) for path in report.objects(None, rdflib.SH.resultPath)}

    local = {name.partition(":")[2] for name in TO_ADD}  # prefixes are the graph's own
    assert {name.partition(":")[2] for name in wrong()} == {*local, "distribution"}  # whose law is missing too
    law = _BY_THE_STEWARD["dcatap:applicableLegislation"]
    parts = [{**part, "dcatap:applicableLegislation": law} for part in document["dcat:distribution"]]
    document |= {**_BY_THE_STEWARD, "dcat:distribution": parts, "adms:sample": parts[0]}
    assert wrong() == set()


@pytest.mark.filterwarnings("ignore::Warning")  # of the libraries of the referee
def test_the_croissant_file_is_one(request_: Request) -> None:
    referee = pytest.importorskip("mlcroissant")
    folder = make_release(request_)
    issues = referee.Dataset(jsonld=folder / "croissant.json").metadata.ctx.issues
    assert (list(issues.errors), list(issues.warnings)) == ([], [])


@pytest.mark.filterwarnings("ignore::Warning")  # of the libraries of the referee
def test_the_research_object_is_a_crate(request_: Request) -> None:
    services = pytest.importorskip("rocrate_validator.services")
    folder = make_release(request_)
    path = folder / "ro-crate-metadata.json"
    document = json.loads(path.read_text())
    assert document["@context"] == "https://w3id.org/ro/crate/1.1/context"
    words = {name for entity in document["@graph"] for name in (*entity, entity["@type"]) if not name.startswith("@")}
    context = {name: f"http://schema.org/{name}" for name in words}  # what the context says, since nobody is asked here
    context |= {"conformsTo": "http://purl.org/dc/terms/conformsTo", "File": "http://schema.org/MediaObject"}
    path.write_text(json.dumps({**document, "@context": context}))
    settings = services.ValidationSettings(rocrate_uri=str(folder), profile_identifier="ro-crate-1.1")
    assert [str(issue) for issue in services.validate(settings).get_issues()] == []
