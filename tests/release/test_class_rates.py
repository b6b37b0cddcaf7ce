"""Releases whose class rates somebody declared: how they are read, drawn and described, and what cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import Dataset, PrivacyClaim
from bench.boundary.making import Trained
from bench.conformance import haplotypes, people
from bench.core.errors import BenchError
from bench.execution import Limits
from bench.registry.selection import choose
from bench.release import class_rates
from bench.release.class_rates import (
    MissingClassError,
    draw_classes,
    read_rates,
    reasons_of_rates,
    rows_of_classes,
)
from bench.release.ledger import Ledger
from bench.release.make import RefusedReleaseError, Request, make_release

pytest.importorskip("cryptography")
CLASSES = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", {}),
        ("a=0.5,b=0.5", {"a": 0.5, "b": 0.5, "c": 0.0}),
        (" a = 1/3, b=1/3 ,c=1/3", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
        ("c=1", {"a": 0.0, "b": 0.0, "c": 1.0}),
        ("equal", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
        ("a=2e-1,c=0.8", {"a": 0.2, "b": 0.0, "c": 0.8}),
    ],
)
def test_rates_are_read_as_shares_of_all_classes(text: str, rates: dict[str, float]) -> None:
    assert read_rates(text, CLASSES) == pytest.approx(rates)


def test_names_may_hold_commas_and_equals_signs() -> None:
    names = ["carcinoma, lobular", "T=1", "x"]
    assert read_rates("carcinoma, lobular=0.25,T=1=0.5,x=1/4", names) == dict(
        zip(names, (0.25, 0.5, 0.25), strict=True)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=0.5,b=0.4", "add up to 0.9; expected 1. Fractions such as 1/3 are taken too, and `--class-rates equal`"),
        ("a=50,b=50", "gives 'a' the share '50'; expected a number from 0 to 1, or a fraction such as 1/3."),
        ("a=-0.5,b=1", "gives 'a' the share '-0.5'; expected a number from 0 to 1"),
        ("a=nan,b=1", "gives 'a' the share 'nan'"),
        ("a=half,b=1", "gives 'a' the share 'half'"),
        ("a=1/0", "gives 'a' the share '1/0'"),
        ("a=,b=1", "gives 'a' the share ''"),
        ("d=1", "names the class 'd', which no person has. The classes are a, b, c."),
        ("a=0.5,a=0.5", "names the class 'a' twice; give one share"),
        ("a", "gives no share to 'a'; expected CLASS=SHARE,CLASS=SHARE such as a=0.5,b=0.5, or equal."),
        ("a=1,b", "gives no share to 'b'"),
        ("=1", "names the class '', which no person has"),
    ],
)
def test_rates_that_cannot_be_are_one_clear_sentence(text: str, message: str) -> None:
    with pytest.raises(BenchError) as found:
        read_rates(text, CLASSES)
    assert message in str(found.value)


def test_a_class_nearly_named_right_is_suggested() -> None:
    with pytest.raises(BenchError, match=r"'Basel', which no person has\. Did you mean 'Basal'"):
        read_rates("Basel=1", ["Basal", "LumA"])


def test_a_share_of_less_than_one_row_is_no_share() -> None:
    rates = {"a": 0.999, "b": 0.001, "c": 0.0}
    (line,) = reasons_of_rates(rates, 200)
    assert line.startswith("--class-rates gives 'b' a share of 0.001, which of 200 rows is less than one. Ask for at")
    assert "at least 1000 with --rows" in line
    assert list(reasons_of_rates(rates, 1000)) == []


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6).filter(any), st.integers(1, 500))
def test_rows_are_the_shares_of_them_to_within_one(weights: list[int], n: int) -> None:
    rates = {str(i): weight / sum(weights) for i, weight in enumerate(weights)}
    rows = rows_of_classes(rates, n)
    assert sum(rows.values()) == n
    assert all(abs(rows[name] - n * share) < 1 for name, share in rates.items())
    assert all(rows[name] == 0 for name, share in rates.items() if share == 0)


# -- drawing -----------------------------------------------------------------------------------------------------------


class Rounds:
    """A generator that divides n rows among its classes by rounding, so that few rows hold no rare class."""

    def __init__(self, cohort: Any, rates: dict[str, float]) -> None:
        self.cohort, self.rates, self.asked = cohort, rates, []

    def sample(self, n: int, *, rng: np.random.Generator) -> Any:
        self.asked.append(n)
        y = [name for name, count in rows_of_classes(self.rates, n).items() for _ in range(count)]
        X = np.zeros((n, self.cohort.n_genes))
        X[:, 0] = np.arange(n)  # the place in the draw
        return self.cohort.synthetic(X, y)


@pytest.fixture
def three() -> Any:
    return people(60, "rates")


def drawn(cohort: Any, rates: list[float], wanted: list[int]) -> tuple[Any, Rounds]:
    names = list(map(str, cohort.classes))
    generator = Rounds(cohort, dict(zip(names, rates, strict=True)))
    rows = dict(zip(names, wanted, strict=True))
    _, plain = draw_classes(Trained(generator, cohort), rows, np.random.default_rng(3), lambda text: None)
    return plain.records, generator


def test_each_class_has_as_many_rows_as_were_wanted_whatever_the_generator_makes(three: Any) -> None:
    k = len(three.classes)
    records, generator = drawn(three, [1 - 0.002 * (k - 1), *[0.002] * (k - 1)], [0, *[10] * (k - 1)])
    assert {name: (records.y == name).sum() for name in map(str, three.classes[1:])} == dict.fromkeys(
        map(str, three.classes[1:]), 10
    )
    assert len(records) == 10 * (k - 1)
    assert sum(generator.asked) < class_rates.LEAST_DRAWN


def test_which_rows_of_a_class_are_kept_is_chance(three: Any) -> None:
    names, k = list(map(str, three.classes)), len(three.classes)
    generator = Rounds(three, dict(zip(names, [0.9, *[0.1 / (k - 1)] * (k - 1)], strict=True)))
    wanted = dict(zip(names, [20, *[20] * (k - 1)], strict=True))
    raw, _ = draw_classes(Trained(generator, three), wanted, np.random.default_rng(3), lambda text: None)
    places = raw.X[raw.y == names[0], 0]
    assert places.max() > 20 * 1.2  # not the first twenty
    assert len(set(places)) == 20


def test_a_class_that_never_comes_is_given_up(three: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_rates, "LEAST_DRAWN", 300)
    k = len(three.classes)
    with pytest.raises(MissingClassError, match=r"made no row of class '.*' among 600 that were drawn, and .* for 3"):
        drawn(three, [1.0, *[0.0] * (k - 1)], [3, 3, *[0] * (k - 2)])


# -- releases ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    mine = Dataset.from_cohort("mine", people(150, "release"), label="kind", simulated=True)
    rates = read_rates("equal", list(map(str, mine.cohort.classes)))
    return Request(
        dataset=mine, choice=choose("generator", "multivariate")[0], out=tmp_path / "release",
        results=tmp_path / "results", unbenchmarked=True, ledger=tmp_path / "ledger.jsonl", key=tmp_path / "key.pem",
        class_rates=rates, limits=Limits(1, 1),
    )  # fmt: skip


def test_every_file_says_that_rates_were_declared(request_: Request) -> None:
    folder = make_release(replace(request_, rows=90))
    document = json.loads((folder / "certificate.json").read_text())
    names = list(request_.class_rates)
    assert pd.read_csv(folder / "synthetic.csv")["kind"].value_counts().to_dict() == dict.fromkeys(
        names, 90 // len(names)
    )
    assert document["data"]["class_rates"]["declared"] == pytest.approx(request_.class_rates)
    assert document["data"]["dictionary"]["kind"]["what"] == "class label, at rates that were declared"
    assert "no budget covers rates read off the people" in document["sp800_226"]["class rates"]
    assert any("How common a class is among the people" in limit for limit in document["limits"])
    for name in ("CARD.md", "CARD.html", "croissant.json", "healthdcat-ap.jsonld", "ro-crate-metadata.json"):
        assert "were declared by whoever made the release" in (folder / name).read_text(), name
    for name in ("CARD.md", "CARD.html"):  # on the first screen too
        first = (folder / name).read_text().partition("What is guaranteed")[0]
        assert "Its class rates were declared, not learnt from the people." in first
    croissant = json.loads((folder / "croissant.json").read_text())
    fields = {field["name"]: field.get("description") for field in croissant["recordSet"][0]["field"]}
    assert fields["kind"] == "class label, at rates that were declared"


def test_without_declared_rates_no_file_speaks_of_them(request_: Request) -> None:
    folder = make_release(replace(request_, class_rates={}))
    document = json.loads((folder / "certificate.json").read_text())
    assert document["data"]["class_rates"] == "as the generator learnt them"
    assert "class rates" not in document["sp800_226"]
    assert not any("declared" in path.read_text() for path in folder.iterdir() if path.suffix in (".md", ".html"))


def test_variants_too_have_classes_at_declared_rates(request_: Request) -> None:
    genomes = Dataset.from_cohort("genomes", haplotypes(150, "tracks", sites=60), label="population", simulated=True)
    names = list(map(str, genomes.cohort.classes))
    rates = {name: float(name == names[0]) for name in names}
    choice = choose("generator", "dp_sites")[0]
    folder = make_release(replace(request_, dataset=genomes, choice=choice, class_rates=rates, formats="vcf", rows=70))
    assert set(pd.read_csv(folder / "synthetic.labels.csv")["population"]) == {names[0]}


def test_a_known_seed_repeats_declared_rates(request_: Request, tmp_path: Path) -> None:
    one, two = (make_release(replace(request_, seed=7, out=tmp_path / name)) for name in ("a", "b"))
    assert (one / "synthetic.csv").read_bytes() == (two / "synthetic.csv").read_bytes()


def test_what_can_be_known_before_training_spends_nothing(request_: Request) -> None:
    names = list(request_.class_rates)
    few = {name: 0.001 if name == names[0] else 0.999 * (name == names[1]) for name in names}
    model = choose("generator", "logistic")[0]
    for wrong, words in (
        (replace(request_, class_rates=few), "a share of 0.001, which of 150 rows is less than one"),
        (replace(request_, class_rates=few, hold_out=0.1), "a share of 0.001, which of 13. rows is less than one"),
        (
            replace(request_, choice=model),
            "logistic releases a model, which has no rows; leave --class-rates out",
        ),
    ):
        with pytest.raises(RefusedReleaseError, match=words):
            make_release(wrong)
    assert Ledger(request_.ledger or Path()).lines() == []


def test_a_class_that_is_never_made_is_refused_and_its_claim_is_in_the_ledger(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise MissingClassError("the generator made no row of class 'b'")

    monkeypatch.setattr("bench.release.make.draw_classes", never)
    claims = PrivacyClaim(
        mechanism="m", unit="one sample", neighbours="add-remove", epsilon=4.0, delta=0.0, accountant="a"
    )
    monkeypatch.setattr("bench.release.make._whole_claim", lambda *_: claims)
    with pytest.raises(RefusedReleaseError, match="made no row of class 'b'"):
        make_release(request_)
    book = Ledger(request_.ledger or Path())
    assert [line["event"] for line in book.lines()] == ["begun", "trained", "refused"]
    assert (book.spent().epsilon, book.spent().unbounded) == (4.0, 0)
    assert not request_.out.exists()
