"""The ledger: what counts as spent, and what happens to a ledger that cannot be read."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bench.generators._privacy import gaussian_delta, gaussian_mu

from bench import PrivacyClaim
from bench.core.errors import DataError
from bench.release.evidence import as_data
from bench.release.ledger import Ledger, Spent, for_replacing, with_one_more


def claim(epsilon: float, neighbours: str = "add-remove") -> PrivacyClaim:
    return PrivacyClaim(
        mechanism="m", unit="one sample", neighbours=neighbours, epsilon=epsilon, delta=1e-6, accountant="a"
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "deep" / "ledger.jsonl")


def test_an_empty_ledger_has_spent_nothing(ledger: Ledger) -> None:
    assert ledger.spent() == Spent(0, 0.0, 0.0, 0)


def test_epsilons_and_deltas_add_up_once_a_release(ledger: Ledger) -> None:
    for identity, epsilon in (("a", 4.0), ("b", 1.5)):
        ledger.write(identity, "begun", claim=as_data(claim(epsilon)))
        ledger.write(identity, "trained", claim=as_data(claim(epsilon)))
        ledger.write(identity, "published", folder="x")
    assert ledger.spent() == Spent(2, 5.5, 2e-6, 0)


def test_the_claim_after_training_takes_the_place_of_the_expected_one(ledger: Ledger) -> None:
    ledger.write("a", "begun", claim=as_data(claim(4.0)))
    ledger.write("a", "trained", claim=as_data(claim(4.5)))
    assert ledger.spent().epsilon == 4.5


def test_what_was_killed_or_refused_is_spent_all_the_same(ledger: Ledger) -> None:
    ledger.write("killed", "begun", claim=as_data(claim(4.0)))
    ledger.write("refused", "begun", claim=None)
    ledger.write("refused", "trained", claim=as_data(claim(1.0)))
    ledger.write("refused", "refused", reasons=["copies"])
    ledger.write("unheard", "begun", claim=None)  # killed before anybody knew what it would claim
    assert ledger.spent() == Spent(3, 5.0, 2e-6, 1)


def test_what_fails_with_these_people_alone_is_spent_and_what_fails_with_anybody_is_not(ledger: Ledger) -> None:
    ledger.write("these", "begun", claim=as_data(claim(4.0)))
    ledger.write("these", "failed", spent=True)
    ledger.write("anybody", "begun", claim=None)
    ledger.write("anybody", "failed", spent=False)
    assert ledger.spent() == Spent(1, 4.0, 1e-6, 0)


def test_to_replace_a_person_is_to_remove_one_and_to_add_one(ledger: Ledger) -> None:
    ledger.write("a", "begun", claim=as_data(claim(4.0)))
    assert (ledger.spent().epsilon, ledger.spent().delta) == (4.0, 1e-6)
    ledger.write("b", "begun", claim=as_data(claim(1.0, "replace-one")))
    assert ledger.spent().epsilon == 9.0
    assert ledger.spent().delta == pytest.approx(1e-6 * (1 + math.exp(4)) + 1e-6)


@pytest.mark.parametrize("epsilon", [0.5, 4.0, 10.0])
def test_what_replacing_costs_holds_for_gaussian_noise_and_the_same_delta_would_not(epsilon: float) -> None:
    mu = gaussian_mu(epsilon, 1e-5)  # a sum that a person moves by its radius, and another person by minus that
    twice, delta = for_replacing(epsilon, 1e-5)
    assert gaussian_delta(2 * mu, twice) <= delta
    assert gaussian_delta(2 * mu, 2 * epsilon) > 1e-5
    assert for_replacing(epsilon, 0.0) == (2 * epsilon, 0.0)
    assert for_replacing(2000.0, 1e-5) == (4000.0, 1.0)


def test_one_more_release_is_added(ledger: Ledger) -> None:
    ledger.write("a", "begun", claim=as_data(claim(4.0)))
    assert with_one_more(ledger.lines(), claim(2.0)) == Spent(2, 6.0, 2e-6, 0)
    assert with_one_more(ledger.lines(), None) == Spent(2, 4.0, 1e-6, 1)
    assert with_one_more(ledger.lines(), claim(1.0, "replace-one")).epsilon == 9.0  # the earlier one counts anew


def test_a_ledger_that_cannot_be_read_stops_everything(ledger: Ledger) -> None:
    ledger.write("a", "begun", claim=None)
    with ledger.path.open("a") as file:
        file.write('{"release": "b", "ev')
    with pytest.raises(DataError, match=r"line 2 of the ledger .* nobody knows what was spent"):
        ledger.spent()


def test_a_place_that_cannot_be_written_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--ledger"):
        Ledger(tmp_path / "file" / "ledger.jsonl").write("a", "begun")


def test_who_checks_and_writes_under_the_lock_is_alone(ledger: Ledger) -> None:
    def spend_one(_: int) -> bool:
        mine = Ledger(ledger.path)
        with mine.locked():
            allowed = mine.spent().epsilon + 1 <= 5
            time.sleep(0.02)  # somebody else would get in between
            if allowed:
                mine.write(f"{_}", "begun", claim=as_data(claim(1.0)))
        return allowed

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend_one, range(20))) == 5
    assert ledger.spent().epsilon == 5.0
