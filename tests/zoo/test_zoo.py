"""Every cheat of the zoo has the fate that docs/what-passes.md tells, and honest ones are spared."""

from __future__ import annotations

import re

import numpy as np
import pytest
from zoo.zoo import EPSILON, GENES, PAGE, PLUGIN, ZOO, Entry, audit, brca, table, told

from bench import Cohort, stream
from bench.boundary.handing_over import handed_over
from bench.boundary.plain_release import Plain, plain_release
from bench.conformance import people
from bench.registry.finding import add_plugin_file, create, find
from bench.studies.audit_reading import exceeded

# the others take minutes each: `python tests/zoo/zoo.py` measures the whole table
MEASURED_IN_SECONDS = [e for e in ZOO if e.runs <= 6 and e.genes == GENES and e.by not in ("all", "")]


@pytest.fixture(scope="module")
def simulated() -> Cohort:
    """A thousand invented people, so that a training has the size of the real one, with few genes."""
    return people(1000, "zoo", genes=40)


@pytest.mark.parametrize("entry", [e for e in ZOO if e.quick], ids=lambda e: e.trick)
def test_a_cheat_has_the_fate_that_the_page_tells_on_simulated_people(entry: Entry, simulated: Cohort) -> None:
    assert exceeded(audit(entry, simulated, runs=4), EPSILON) == (entry.fate == "refuted")


def test_a_few_copies_that_pass_the_audit_show_among_the_closest_and_what_is_honest_does_not(simulated: Cohort) -> None:
    assert told("copies_5", simulated).p_value < 1e-4
    assert told("honest_noise", simulated).p_value > 0.05


@pytest.mark.full
@pytest.mark.real_data
def test_the_page_shows_a_few_copies_of_real_people_and_nothing_of_what_passes() -> None:
    people = brca(GENES)
    found = {e.trick: told(e.trick, people).p_value for e in ZOO if e.fate in ("shown", "passes") and e.genes == GENES}
    six = 6  # measures of a page, which pay for each other
    assert {trick for trick, p in found.items() if six * p < 0.05} == {e.trick for e in ZOO if e.fate == "shown"}, found


@pytest.mark.full
@pytest.mark.real_data
@pytest.mark.parametrize("entry", MEASURED_IN_SECONDS, ids=lambda e: e.trick)
def test_a_cheat_has_the_fate_and_the_bound_that_the_page_tells_on_real_people(entry: Entry) -> None:
    found = audit(entry, brca(entry.genes))
    assert exceeded(found, EPSILON) == (entry.fate == "refuted")
    assert entry.largest(found) == pytest.approx(entry.bound, abs=0.01)


@pytest.mark.full
@pytest.mark.parametrize("entry", [e for e in ZOO if e.fate == "honest"], ids=lambda e: e.trick)
def test_the_honest_are_not_refuted_in_any_of_twenty_audits(entry: Entry, simulated: Cohort) -> None:
    assert not any(exceeded(audit(entry, simulated, seed=seed, runs=4), EPSILON) for seed in range(20))


def test_the_zoo_names_every_trick_of_its_plugin_once() -> None:
    tricks = re.findall(r'^@trick\("(\w+)"\)$', PLUGIN.read_text(), flags=re.MULTILINE)
    assert sorted(entry.trick for entry in ZOO) == sorted(tricks)


def test_the_page_has_the_table_of_the_zoo() -> None:
    assert table(ZOO) in PAGE.read_text()


def released(trick: str, training: Cohort) -> Plain:
    """Return what is scored of a release of one trick."""
    add_plugin_file(PLUGIN)
    model = create(find("generator", "cheat"), {"trick": trick}).fit(training, rng=stream(1, "fit"))
    return plain_release(model.sample(len(training), rng=stream(1, "sample")), like=training)


@pytest.mark.parametrize("trick", ["row_order", "identifiers"])
def test_what_rides_along_with_the_values_is_removed_before_anything_is_scored(trick: str, simulated: Cohort) -> None:
    training = handed_over(simulated.take(np.arange(200)))
    assert released(trick, training).records.digest == released("honest_noise", training).records.digest


def test_the_low_bits_of_values_are_removed(simulated: Cohort) -> None:
    training = handed_over(simulated.take(np.arange(200)))
    assert not (released("low_bits", training).records.X.view(np.uint32) & 0xFFF).any()


def test_bits_above_the_grid_are_not_removed(simulated: Cohort) -> None:
    training = handed_over(simulated.take(np.arange(200)))
    coarse = np.rint(released("grid_bits", training).records.X * 128).astype(int) % 2
    told = {row.tobytes() for row in (training.X > 8)}
    assert {row.tobytes() for row in coarse == 1} == told


def test_a_code_of_duplicates_is_counted_and_one_of_bits_above_the_grid_is_not(simulated: Cohort) -> None:
    training = handed_over(simulated.take(np.arange(200)))
    assert released("duplicates_code", training).duplicates == (training.X[:100, 0] > 8).sum() > 0
    assert released("grid_bits", training).duplicates == 0
