"""Counted draws of a mechanism: known rates are found, a claim that they break is refuted, and an honest one is not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from runs import bench

from bench import DataError, Images, PluginError, PrivacyClaim
from bench.core.records import Records
from bench.registry.declarations import PluginInfo
from bench.registry.selection import Choice, choose
from bench.report.claims import NOT_AUDITED, AuditReading, StatedClaim, audited, counted_words
from bench.studies import counting
from bench.studies.audit_reading import COUNTED, EACH, Bound, verdict
from bench.studies.audit_records import read_audits
from bench.studies.counting import Counted, count_draws


def images(n: int = 60, *, repeated: bool = False) -> Images:
    pixels = np.random.default_rng(1).uniform(size=(n, 3, 3, 1))
    if repeated:
        pixels[:] = pixels[0]
    return Images(pixels=pixels, y=np.where(np.arange(n) % 2, "a", "b"), samples=tuple(f"i{k}" for k in range(n)))


def audit(folder: Path, generator: str, draws: int) -> CompletedProcess[str]:
    (folder / "home").mkdir()
    return bench(folder, "audit", generator, "--dataset", "digits", "--draws", str(draws), "--out", "out")


@dataclass
class Shuffler:
    """Gives out the record asked for in a part `kept` of the draws, else the one before it; or breaks the contract."""

    kept: float = 0.75
    neighbours: Literal["replace-one", "add-remove"] = "replace-one"
    short: int = 0
    width: int = 9

    def mechanism_draws(
        self, cohort: Records, row: int, n: int, *, rng: np.random.Generator
    ) -> Iterator[NDArray[np.float32]]:
        self.seen = [*getattr(self, "seen", []), (len(cohort), row)]
        own = rng.random(n - self.short) < self.kept
        yield cohort.X[np.where(own, row, row - 1)][:, : self.width]

    def claim(self) -> PrivacyClaim:
        return PrivacyClaim(
            mechanism="m", unit="one image", neighbours=self.neighbours, epsilon=1.0, delta=0.0, accountant="none"
        )


def chosen(monkeypatch: pytest.MonkeyPatch, maker: Any) -> Choice:
    monkeypatch.setattr(counting, "create", lambda info, params: maker)
    return Choice(PluginInfo("generator", "shuffler", "", Path("x.py"), "x", {}), {})


def test_a_record_is_counted_with_it_and_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Shuffler()
    found = count_draws(chosen(monkeypatch, maker), images(), 4000, 3)
    assert found.draws == 4000
    assert found.inside / 4000 == pytest.approx(0.75, abs=0.03)
    assert found.outside == 0
    assert maker.seen[0] == maker.seen[1]  # somebody stands in the record's place


def test_where_a_claim_is_about_removal_nobody_stands_in_the_place_of_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    maker = Shuffler(neighbours="add-remove")
    count_draws(chosen(monkeypatch, maker), images(), 10, 3)
    (with_it, _), (without, row) = maker.seen
    assert (without, row) == (with_it - 1, 0)


@pytest.mark.parametrize(("maker", "message"), [(Shuffler(short=3), "gave 7 outputs"), (Shuffler(width=4), "n x 9")])
def test_a_mechanism_that_gives_something_else_is_named(
    maker: Shuffler, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PluginError, match=message):
        count_draws(chosen(monkeypatch, maker), images(), 10, 3)


def test_a_record_must_be_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="there twice"):
        count_draws(chosen(monkeypatch, Shuffler()), images(repeated=True), 10, 3)


def test_the_bounds_are_those_of_clopper_and_pearson() -> None:
    n = 1000
    level = (1 - EACH) / 2  # both rates hold together
    never = 1 - level ** (1 / n)
    found = Counted(inside=n, outside=0, draws=n).bound(0.5, 0.0)
    assert found.low == pytest.approx(math.log((1 - never) / never), rel=1e-6)
    assert found.ceiling == found.low
    assert found.delta_low == pytest.approx(1 - never - math.exp(0.5) * never, rel=1e-6)
    assert found.p_value < 1e-6


def test_an_honest_mechanism_is_not_refuted() -> None:
    """Randomised response at epsilon 1 between two records: e / (1 + e) with the record, 1 / (1 + e) without."""
    n, kept = 20_000, math.e / (1 + math.e)
    found = Counted(inside=round(n * kept), outside=round(n * (1 - kept)), draws=n).bound(1.0, 0.0)
    assert 0.9 < found.low < 1.0
    assert found.delta_low == 0
    assert found.p_value > 0.05
    assert verdict([found], 1.0) == "not refuted"
    assert verdict([Counted(inside=n, outside=0, draws=n).bound(1.0, 0.0)], 1.0) == "refuted"


def test_steps_outside_the_budget_are_no_excuse_for_the_mechanism_inside() -> None:
    assert verdict([Bound(COUNTED, "", 2.0, 5.0, "")], 1.0, end_to_end=False) == "refuted"
    assert verdict([Bound("one run", "", 2.0, 5.0, "")], 1.0, end_to_end=False) == "exceeded"


def test_draws_of_dpgen_refute_its_claim_on_the_page_of_its_dataset(tmp_path: Path) -> None:
    found = audit(tmp_path, "dpgen[epsilon=1]", 3000)
    assert found.returncode == 3, found.stderr
    assert "dpgen[epsilon=1.0]: claim epsilon 1, delta 0: refuted" in found.stdout
    assert "came out in 3000 of 3000 draws with the record, in 0 without it" in found.stdout
    assert "at epsilon 1 delta is at least 0.99" in found.stdout
    lines = read_audits(tmp_path / "out" / "audits" / "digits.csv").assign(label="dpgen")
    assert list(lines["bound"]) == [COUNTED]
    assert list(lines["end_to_end"]) == ["no"]
    read = audited(lines, "dpgen", 1.0, [0.0], by_coins=False)
    assert read.verdict == "refuted"
    assert read.delta > 0.99
    stated = StatedClaim(1.0, 1, 1, (0.0,), False, ("",), read)
    assert counted_words(stated) == "claimed epsilon 1; certified: none; measured delta at least 0.99"


def test_coins_say_nothing_of_a_claim_about_replacing_but_counts_do() -> None:
    line = {"label": "g", "delta": 0.0, "low": 2.0, "ceiling": 5.0, "claimed": 1.0, "epsilon": 1.0, "p_value": 1e-9}
    same = {"generator": "g", "params": "", "canaries": 0, "searched": 0, "coins": "none", "runs": 0}
    same |= {"seed": 1, "attacks": "", "data": "d"}
    lines = pd.DataFrame([line | same | {"end_to_end": "no", "bound": "one run", "delta_low": math.nan}])
    assert audited(lines, "g", 1.0, [0.0], by_coins=False) == NOT_AUDITED
    assert audited(lines, "g", 1.0, [0.0]) == AuditReading("exceeded", 2.0, 5.0)
    counts = lines.assign(bound=COUNTED, delta_low=0.8)
    assert audited(counts, "g", 1.0, [0.0], by_coins=False) == AuditReading("refuted", 2.0, 5.0, 0.8)


def test_what_cannot_be_drawn_from_is_audited_by_coins(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"class_means has no method 'mechanism_draws'"):
        count_draws(choose("generator", "class_means")[0], images(), 10, 3)
    found = audit(tmp_path, "class_means", 5)
    assert found.returncode == 2
    assert "audit it without --draws" in found.stderr
    assert not (tmp_path / "out").exists()
