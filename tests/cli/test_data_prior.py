"""`bench data prior make`: from an imported cohort to a file that `dp_prior` reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.generators.dp_prior import DpPrior
from click.testing import CliRunner, Result

from bench import Cohort, DataError, PluginError, stream
from bench.cli import _bench
from bench.datasets import home
from bench.statistics.public_prior import PublicPrior

GENES = tuple(f"g{i}" for i in range(60))


def people(n: int, prefix: str, units: str = "log2") -> Cohort:
    rng = stream(1, prefix)
    y = np.array(["a", "b"])[np.arange(n) % 2]
    X = 8 + rng.normal(size=(n, 3)) @ rng.normal(size=(3, 60)) + rng.normal(size=(n, 60)) / 2
    X = np.rint(np.exp2(X)) if units == "counts" else X
    return Cohort(X, y, GENES, tuple(f"{prefix}-{i}" for i in range(n)), units=units)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the imported datasets `tissues` and `counted`."""
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name, units in (("tissues", "log2"), ("counted", "counts")):
        cohort = people(80, name, units)
        described = home.describe(name, cohort, None, title=name, label="tissue", source="the atlas", files=[])
        home.store(tmp_path / "home", described, cohort, None)
    return tmp_path


def make(*words: str) -> Result:
    return CliRunner().invoke(_bench, ["data", "prior", "make", *words])


def test_a_prior_of_an_imported_cohort_is_read_by_the_generator_and_named_in_its_claim(place: Path) -> None:
    done = make("tissues", "--licence", "CC0", "--programmes", "5", "--out", "found")
    assert done.exit_code == 0, done.output
    assert "80 profiles, 60 genes; 5 programmes hold" in done.output
    made = PublicPrior.read((place / "found.npz").read_bytes(), "found.npz")
    direct = PublicPrior.of(people(80, "tissues"), 5, made.about)
    np.testing.assert_allclose(made.mean, direct.mean, rtol=1e-3)
    np.testing.assert_allclose(made.programmes, direct.programmes, atol=0.01)
    assert made.about["made"].startswith("bench data prior make: 5 programmes of the variation within tissue")
    claim = DpPrior(prior="found.npz").fit(people(60, "mine"), rng=stream(1)).claim()
    assert claim.public == ("tissues: the atlas; licence CC0; 100% of the genes",)
    with pytest.raises(PluginError, match="'tissues-0' is in the training cohort"):
        DpPrior(prior="found.npz").fit(people(60, "tissues"), rng=stream(1))


def test_a_damaged_prior_is_refused_before_anything_runs(place: Path) -> None:
    make("tissues", "--licence", "CC0", "--programmes", "5", "--out", "found")
    whole = (place / "found.npz").read_bytes()
    for damaged in (b"no archive", whole[: len(whole) // 2], whole[:200] + b"\0\1\2\3" + whole[204:]):
        (place / "found.npz").write_bytes(damaged)
        done = CliRunner().invoke(_bench, ["run", "--dataset", "tissues", "--generators", "dp_prior[prior=found.npz]"])
        assert isinstance(done.exception, PluginError)
        assert "generator 'dp_prior': prior=found.npz is no complete npz file (" in str(done.exception)
        assert not (place / "results").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("counted", "--licence", "CC0", "--out", "p.npz"), "made of values in log2 or vst, not in 'counts'"),
        (("tissues", "--licence", "CC0", "--out", "p.npz", "--programmes", "79"), "expected 1 to 60"),
        (("brca", "--licence", "CC0", "--out", "p.npz"), "brca is simulated here"),
    ],
)
def test_what_makes_no_public_prior_is_refused_and_writes_nothing(
    place: Path, words: tuple[str, ...], message: str
) -> None:
    done = make(*words)
    assert done.exit_code != 0
    assert isinstance(done.exception, DataError)
    assert message in str(done.exception)
    assert not (place / "p.npz").exists()


def test_programmes_cannot_outnumber_what_people_vary_in() -> None:
    few = people(6, "few")
    with pytest.raises(DataError, match="5 programmes of 6 profiles with 2 labels and 60 genes; expected 1 to 4"):
        PublicPrior.of(few, 5, {})
    with pytest.raises(DataError, match="expected 1 to 0"):
        PublicPrior.of(replace(few, y=np.array(list("abcdef"))), 1, {})
