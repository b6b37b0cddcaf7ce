"""What a generator is handed tells nothing about whom or what for: the same in runs, audits and checks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import planted
import pytest
from bench.generators._public_prior import read_prior
from runs import planned, run, toy_dataset

from bench import Cohort, PluginError, stream
from bench.boundary.handing_over import handed_over
from bench.boundary.making import train
from bench.conformance.plugins import people
from bench.core.images import Images
from bench.datasets.folds import make_splits
from bench.execution.runner import Limits, do_tasks, pending
from bench.registry.finding import find
from bench.registry.selection import choose
from bench.statistics.public_prior import PublicPrior
from bench.store.store import Store
from bench.studies.audit import Audit
from bench.studies.suspects import Suspects, suspects

NOTE = """
note = f"{len(cohort)} {cohort.donors is None} {sorted(cohort.obs)} {sorted(cohort.y.tolist())} "
note += f"{[len(name) for name in set(cohort.samples)][:1]} {cohort.samples[0]}"
with (folder / "notes").open("a") as notes: notes.write(note + chr(10))
"""


def notes(folder: Path) -> list[str]:
    return (folder / "notes").read_text().splitlines()


def audited(who: Suspects, name: str, folder: Path, runs: int = 2) -> None:
    """Train on the coins of an audit."""
    audit = Audit(who, choose("generator", name)[0], choose("attack", "mc"), runs, 42)
    store = Store(folder / "audit").open()
    plan = audit.plan(store, "toy")
    do_tasks(plan, pending(plan, store), store, Limits(2, 1), lambda *_: None, None)


@pytest.mark.parametrize("canaries", [0, 6])
def test_a_training_of_an_audit_by_pairs_is_like_one_of_a_run_but_for_the_people(
    toy_cohort: Cohort, tmp_path: Path, canaries: int
) -> None:
    whole = dataclasses.replace(toy_cohort, donors=np.array(toy_cohort.samples), obs={"tissue": toy_cohort.y})
    name = planted.generator(tmp_path, "notes_people", fit=NOTE)
    scope, cells = planned(toy_dataset(whole), tmp_path, name)
    run(scope, cells)
    audited(suspects(whole, canaries, 42, coins="pairs"), name, tmp_path)
    (of_run, *of_audit) = (note.rsplit(" ", 1) for note in notes(tmp_path))
    assert [facts for facts, _ in of_audit] == [of_run[0]] * 2
    assert of_run[1] not in toy_cohort.samples  # the names are nobody's


def test_with_a_coin_each_trainings_are_of_the_size_of_a_run_on_average(toy_cohort: Cohort) -> None:
    audit = Audit(suspects(toy_cohort, 0, 1), choose("generator", "noise")[0], [], 200, 1)
    sizes = np.array([len(audit._roles(run, Path()).fitted) for run in range(200)])
    assert len(set(sizes)) > 1
    assert abs(sizes.mean() - 48) < 4 * np.sqrt(24 / 4 / 200)
    assert audit.who.released == 48


@pytest.mark.parametrize("coins", ["each", "pairs"])
@pytest.mark.parametrize("canaries", [0, 5])
def test_people_stand_in_the_order_of_the_cohort_whatever_the_coins_say(
    toy_cohort: Cohort, coins: str, canaries: int
) -> None:
    who = suspects(toy_cohort, canaries, 1, coins=coins)  # type: ignore[arg-type]
    audit = Audit(who, choose("generator", "noise")[0], [], 2, 1)
    fitted = audit._roles(0, Path()).fitted
    assert (np.diff(who.place[fitted]) >= 0).all()
    assert len(set(fitted)) == len(fitted)
    people = who.joined().take(fitted)
    known = [tuple(row) for row in toy_cohort.X.tolist()]
    places = [known.index(row) for row in map(tuple, people.X.tolist()) if row in known]
    assert places == sorted(places)


def test_of_a_pair_one_is_in_and_both_are_of_one_class(toy_cohort: Cohort) -> None:
    who = suspects(toy_cohort, 0, 1, coins="pairs")
    heads, tails = np.split(np.arange(len(who.audited)), 2)
    assert (who.audited.y[heads] == who.audited.y[tails]).all()
    coins = np.arange(who.n_coins) % 2 == 0
    assert sorted(who.rows_in(coins) % who.n_coins) == list(range(who.n_coins))
    assert len(who.always) + who.n_coins == 48


def test_heads_is_now_the_one_that_the_fold_holds_out_and_now_the_one_that_it_trains_on() -> None:
    cohort = people(200, "heads", genes=4)
    who = suspects(cohort, 0, seed=42, coins="pairs")
    held_out = np.isin(who.audited.samples, make_splits(cohort, seed=42)[0].holdout.samples)
    heads, tails = np.split(held_out, 2)
    assert np.array_equal(heads, ~tails)
    assert 0.2 < heads.mean() < 0.8


def test_scores_of_a_pair_speak_for_the_one_with_the_higher_also_where_both_are_infinite(toy_cohort: Cohort) -> None:
    who = dataclasses.replace(suspects(toy_cohort, 0, 1, coins="pairs"), audited=toy_cohort.take([0, 1, 2, 3]))
    told = who.told(np.array([3.0, -np.inf, 1.0, -np.inf]))
    assert told.tolist() == [2.0, 0.0]
    assert who.told(np.array([3.0, -np.inf, 1.0, 0.0])).tolist() == [2.0, -np.inf]


def test_names_follow_from_values_and_labels_alone(toy_cohort: Cohort) -> None:
    first, other = handed_over(toy_cohort), handed_over(toy_cohort.renamed(tuple(f"TCGA-{i}" for i in range(60))))
    assert first.samples == other.samples
    assert not set(first.samples) & set(toy_cohort.samples)
    assert np.array_equal(first.X, toy_cohort.X)
    assert first.y.tolist() == toy_cohort.y.tolist()
    fewer = handed_over(toy_cohort.take(np.arange(59)))
    assert not set(first.samples) & set(fewer.samples)  # no name stays with a person


def test_donors_keep_their_samples_under_other_names(toy_cohort: Cohort) -> None:
    donors = np.array([f"P{i // 2}" for i in range(60)])
    given = handed_over(dataclasses.replace(toy_cohort, donors=donors)).donors
    assert given is not None
    assert (given[::2] == given[1::2]).all()
    assert len(set(given)) == 30
    assert not set(given) & set(donors)


def test_images_without_labels_are_handed_over_too() -> None:
    pixels = np.random.default_rng(1).random((3, 4, 4, 1))
    images = Images(pixels=pixels, y=None, samples=("a", "b", "c"))  # type: ignore[arg-type]
    given = handed_over(images)
    assert np.array_equal(given.X, images.X)
    assert not set(given.samples) & {"a", "b", "c"}


def test_too_many_canaries_are_refused(toy_cohort: Cohort) -> None:
    from bench.core.errors import DataError

    with pytest.raises(DataError, match="at most 45"):
        suspects(toy_cohort, 46, 1, coins="pairs")
    with pytest.raises(DataError, match="at most 90"):
        suspects(toy_cohort, 91, 1)


@pytest.mark.parametrize("generator", ["dp_prior", "dp_logistic"])
def test_a_prior_made_of_the_people_is_refused_although_the_generator_sees_no_name(
    generator: str, tmp_path: Path
) -> None:
    cohort, file = people(60, "mine", genes=60), tmp_path / "own.npz"
    about = {"name": "own", "source": "the same people", "licence": "CC0", "made": "here"}
    PublicPrior.of(cohort, 5, about).write(file)
    info = find("generator", generator)
    with pytest.raises(PluginError, match=r"is in the training cohort .* \(60 such\)"):
        train(info, {"prior": str(file)}, cohort, rng=stream(1))
    others = train(info, {"prior": str(file)}, people(60, "others", genes=60), rng=stream(1))
    assert others.generator.claim().public == ("own: the same people; licence CC0; 100% of the genes",)


def test_people_of_the_shipped_prior_are_refused_by_whatever_reads_it() -> None:
    somebody = next(iter(sorted(read_prior("shipped").people)))
    cohort = people(30, "mine")
    cohort = cohort.renamed((somebody, *cohort.samples[1:]))
    for name, params in (("dp_prior", {}), ("dp_logistic", {}), ("dct_laplace", {"scale": "public"})):
        with pytest.raises(PluginError, match=f"'{somebody}' is in the training cohort"):
            train(find("generator", name), params, cohort, rng=stream(1))
