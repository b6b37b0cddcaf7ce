"""The audit refutes planted false claims, spares honest ones, and never reads "not refuted" as "proved"."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from depth import in_depth

from bench import Cohort, PrivacyClaim
from bench.cli.audit import _search, command
from bench.core.errors import DataError, PluginError, StoreError
from bench.execution import Executor, LocalProcesses, Serial
from bench.execution.runner import Limits, do_tasks, pending
from bench.registry.finding import add_plugin_file
from bench.registry.selection import Choice, choose
from bench.report.claims import NOT_AUDITED, AuditReading, audited
from bench.report.leaderboard import write_leaderboard
from bench.statistics.dp_bounds import one_run_epsilon
from bench.store.rows import COLUMNS as ROW_COLUMNS
from bench.store.rows import write_rows
from bench.store.store import Store
from bench.studies.audit import Audit, claim_under_test, doubled, usable
from bench.studies.audit_reading import (
    EACH,
    FEWEST_RUNS,
    GAUSSIAN,
    Bound,
    Trial,
    bounds,
    exceeded,
    gaussian_verdict,
    most_telling,
    verdict,
)
from bench.studies.audit_records import COLUMNS, add_audit, audit_lines, audits_file, read_audits
from bench.studies.suspects import SEARCHED, Suspects, suspects

IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # thousands of small files, each synced to its disk
SUMS = '''
from dataclasses import dataclass
import numpy as np
from bench import PrivacyClaim, generator

@generator("{name}")
@dataclass(kw_only=True)
class Planted:
    """Releases the sum of all people, each clipped to length 1, plus Gaussian noise."""

    def fit(self, cohort, *, rng):
        self.like_ = cohort
        X = cohort.X - 8
        people = {people}
        noise = {noise}.normal(scale={scale}, size=cohort.n_genes)
        self.total_ = people.sum(axis=0) + noise
        return self

    def sample(self, n, *, rng):
        assert n == self.agreed(n)
        return self.like_.synthetic(np.tile(self.total_, (n, 1)), np.full(n, self.like_.y[0]))

    def agreed(self, n):
        return {agreed}

    def claim(self):
        return PrivacyClaim(mechanism="Gaussian mechanism", unit="one sample", neighbours="{neighbours}",
                            epsilon=1.0, delta=1e-5, accountant="analytic")
'''
HONEST = {
    "people": "X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1)",
    "noise": "rng",
    "scale": "3.7304",  # epsilon 1 at delta 1e-5
    "agreed": "n",
    "neighbours": "add-remove",
}
PLANTED = {
    "honest": {},
    "no_noise": {"scale": "1e-9"},
    "no_clip": {"people": "X"},
    "fixed_seed": {"noise": "np.random.default_rng(0)"},
    "replaces": {"neighbours": "replace-one"},
    "counts_coins": {"agreed": "48"},
}
ALONG = '''
from dataclasses import dataclass
from bench import attack

@attack("along", access="black-box", family="distance")
@dataclass(kw_only=True)
class Along:
    """How far the released sum points towards a record: the best test against a noisy sum."""

    def score(self, view, *, rng):
        return (view.targets - 8.0) @ view.synthetic[0].astype(float)
'''


@pytest.fixture
def planted(tmp_path: Path) -> None:
    texts = {name: SUMS.format(name=name, **{**HONEST, **changes}) for name, changes in PLANTED.items()}
    for name, text in {**texts, "along": ALONG}.items():
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        add_plugin_file(path)


def one(kind: str, name: str) -> Choice:
    return choose(kind, name)[0]  # type: ignore[arg-type]


def people(n: int, genes: int, seed: int) -> Cohort:
    X = 8 + np.random.default_rng(seed).normal(size=(n, genes))
    return Cohort(
        X=X,
        y=np.repeat(["a", "b"], [n - n // 2, n // 2]),
        genes=tuple(f"G{i}" for i in range(genes)),
        samples=tuple(f"s{i}" for i in range(n)),
        units="vst",
    )


def found(name: str, *, canaries: int, runs: int, seed: int = 1, genes: int = 40) -> list[Bound]:
    return bounds(trainings(suspects(people(60, genes, seed), canaries, seed), name, runs=runs, seed=seed), 1e-5)


def trainings(
    who: Suspects, name: str, attack: str = "along", *, runs: int, seed: int, executor: Executor | None = None
) -> list[Trial]:
    """Return what an audit leaves in a store of its own; without an executor, this process does the work."""
    audit = Audit(who, one("generator", name), [one("attack", attack)], runs, seed)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        store = Store(Path(folder)).open()
        plan = audit.plan(store, "toy")
        done = do_tasks(plan, pending(plan, store), store, Limits(2, 1), lambda *_: None, executor or Serial())
        return audit.trials(plan, store, done.reports)


@pytest.mark.parametrize("name", ["no_noise", "no_clip", "fixed_seed"])
def test_a_false_claim_is_refuted(planted: None, name: str) -> None:
    assert exceeded(found(name, canaries=1, runs=100), 1.0)


def test_a_record_far_from_all_others_shows_a_missing_clip_that_average_people_hide(planted: None) -> None:
    assert not exceeded(found("no_clip", canaries=0, runs=2), 1.0)
    assert not exceeded(found("no_clip", canaries=0, runs=30)[1:], 1.0)
    assert exceeded(found("no_clip", canaries=0, runs=30)[:1], 1.0)  # many trainings read together show it too
    assert exceeded(found("no_clip", canaries=1, runs=100), 1.0)


def test_one_training_is_enough_where_every_record_shows(planted: None) -> None:
    bound = found("no_noise", canaries=0, runs=2, genes=2000)[0]
    assert bound.kind == "one run"
    assert 1.0 < bound.low <= bound.ceiling


@pytest.mark.parametrize("seed", in_depth(range(20), range(4)))
def test_an_honest_gaussian_mechanism_is_not_refuted(planted: None, seed: int) -> None:
    repeated = found("honest", canaries=1, runs=100, seed=seed)
    every = repeated + found("honest", canaries=0, runs=2, seed=seed, genes=500)
    assert max(bound.ceiling for bound in repeated if bound.kind != GAUSSIAN) > 1.5  # it could have been refuted
    assert max(bound.low for bound in every) <= 1.0
    assert not exceeded(every, 1.0)


def test_the_honest_mechanism_is_as_noisy_as_it_must_be_and_no_more() -> None:
    from bench.statistics.dp_bounds import _gaussian_delta

    assert _gaussian_delta(1 / 3.7304, 1.0) == pytest.approx(1e-5, rel=0.01)


def test_the_release_has_the_same_size_whatever_the_coins_say(planted: None) -> None:
    sizes = [t.inside.sum() for t in trainings(suspects(people(60, 5, 1), 0, 1), "counts_coins", runs=3, seed=1)]
    assert len(set(sizes)) > 1


def test_the_coins_are_fair_and_differ_between_records_and_runs(planted: None) -> None:
    inside = np.array([t.inside for t in trainings(suspects(people(1000, 3, 1), 0, 1), "honest", runs=6, seed=5)])
    assert inside.shape == (6, 400)
    assert abs(inside.mean() - 0.5) < 4 * 0.5 / np.sqrt(inside.size)
    assert abs(np.corrcoef(inside[0], inside[1])[0, 1]) < 4 / np.sqrt(400)


def test_canaries_stand_in_for_people_and_stay_in_the_range_of_the_data(toy_cohort: Cohort) -> None:
    who = suspects(toy_cohort, 7, 3)
    assert len(who.always) == 48 - 4  # with half of the canaries, as many as a fold trains on
    assert set(who.always.samples) <= set(toy_cohort.samples)
    assert len(who.audited) == 7
    assert who.audited.X.min() >= toy_cohort.X.min()
    assert who.audited.X.max() <= toy_cohort.X.max()
    spread = np.linalg.norm(toy_cohort.X - toy_cohort.X.mean(axis=0), axis=1)
    assert np.linalg.norm(who.audited.X - toy_cohort.X.mean(axis=0), axis=1).mean() > 1.5 * spread.mean()


def test_child_processes_give_the_same_trainings(toy_cohort: Cohort) -> None:
    who = suspects(toy_cohort, 0, 1)
    alone, together = (
        trainings(who, "copy_train", "mc", runs=2, seed=1, executor=executor)
        for executor in (Serial(), LocalProcesses())
    )
    for run in range(2):
        assert np.array_equal(alone[run].inside, together[run].inside)
        assert np.array_equal(alone[run].scores["mc"], together[run].scores["mc"])


def test_the_worst_of_many_canaries_is_found_and_audited_alone() -> None:
    """Only a record ten times as far as people shows, and one in three of those that are tried is."""
    cohort = people(60, 40, 1)
    who = suspects(cohort, 9, 1, far=SEARCHED)
    far = np.linalg.norm(who.audited.X - cohort.X.mean(axis=0), axis=1)
    assert {int(i) % 3 for i in far.argsort()[-3:]} == {2}
    inside = np.random.default_rng(0).random((20, 9)) < 0.5
    noise = np.random.default_rng(1).normal(size=(20, 9))
    trials = [Trial(c, {"a": e - 6 * (np.arange(9) == 5) * c}) for c, e in zip(inside, noise, strict=True)]
    assert most_telling(trials) == 5  # with the sign turned around
    alone = who.alone(5)
    assert alone.n_coins == 1
    assert np.array_equal(alone.audited.X, who.audited.X[5:6])
    assert alone.place[-1] == who.place[len(who.always) + 5]
    assert alone.always is who.always
    assert len(alone.joined()) == len(who.always) + 1


# -- how trainings are read --------------------------------------------------------------------------------------------


def trial(inside: list[int], score: list[float]) -> Trial:
    return Trial(np.array(inside, dtype=bool), {"a": np.array(score)})


def test_the_threshold_is_chosen_on_other_trainings_than_it_is_read_on() -> None:
    def half(telling: int) -> list[Trial]:
        """Two records whose coins differ; the score of one alone tells its coin."""
        coins = [[run % 2, run // 2 % 2] for run in range(40)]
        return [trial(c, [float(c[k]) if k == telling else 0.0 for k in range(2)]) for c in coins]

    assert max(b.low for b in bounds(half(0) + half(0), 0.0)[1:]) > 1
    assert max(b.low for b in bounds(half(0) + half(1), 0.0)[1:]) == 0  # the other record would tell


def copied(n: int, rng: np.random.Generator, attacks: int = 1) -> Trial:
    """A training on fair coins of 1,084 people whose release holds n of those who are in, and tells of nobody else."""
    inside = rng.random(1084) < 0.5
    scores = {f"blind {j}": rng.normal(size=1084) for j in range(attacks - 1)}
    near = rng.normal(size=1084)
    near[rng.permutation(np.flatnonzero(inside))[:n]] += 100
    return Trial(inside, {**scores, "near": near})


@pytest.mark.parametrize(("rows", "low"), [(15, 1.22), (30, 1.99), (200, 3.94)])
def test_a_release_that_copies_a_few_people_is_bounded_by_guesses_on_them_alone(rows: int, low: float) -> None:
    rng = np.random.default_rng(rows)
    found = bounds([copied(rows, rng), copied(rows, rng)], 1e-5)[0]
    assert found.low == pytest.approx(low, abs=0.005)
    assert found.detail == f"{rows} of {rows} guesses right ({rows} in, 0 out), on 1084 records"
    assert found.low == one_run_epsilon(1084, rows, rows, 1e-5, EACH)


def test_a_release_that_keeps_away_from_its_people_is_bounded_with_the_sign_turned_around() -> None:
    rng = np.random.default_rng(2)
    trials = [copied(43, rng) for _ in range(2)]
    away = [Trial(t.inside, {"far": -t.scores["near"]}) for t in trials]
    assert bounds(away, 1e-5)[0].low == bounds(trials, 1e-5)[0].low > 1.5
    assert bounds(away, 1e-5)[0].attack == "far, reversed"
    record = np.arange(240) % 2 == 0
    far = [Trial(np.array([x]), {"far": np.array([-np.inf if x else 1.0])}) for x in record]
    assert [b.attack for b in bounds(far, 1e-5)] == ["far, reversed"] * 2
    assert bounds(far, 1e-5)[0].low > 2


def test_copies_of_43_people_are_found_among_twenty_attacks_where_guesses_on_both_sides_missed_them() -> None:
    rng = np.random.default_rng(0)
    found = [bounds([copied(43, rng, 20), copied(43, rng, 20)], 1e-5)[0] for _ in range(5)]
    assert {bound.attack for bound in found} == {"near"}
    assert np.median([bound.low for bound in found]) > 1.5
    both_sides = max(one_run_epsilon(1084, 2 * k, min(k, 43) + k // 2, 1e-5, EACH) for k in range(1, 200))
    assert both_sides < 1.0  # with as many guesses on "out", half of which are right by luck


def test_to_choose_the_numbers_of_guesses_refutes_no_honest_mechanism_more_often_than_stated() -> None:
    """Randomised response of each coin at epsilon 1, told on one side only: the worst case of pure privacy."""
    rng, epsilon, refuted = np.random.default_rng(1), 1.0, 0
    for _ in range(80):
        trials = []
        for _ in range(2):
            inside = rng.random(120) < 0.5
            told = np.where(rng.random(120) < 1 / (1 + np.exp(-epsilon)), inside, ~inside)
            trials.append(Trial(inside, {"a": told + rng.random(120) / 2, "b": told + rng.random(120) / 2}))
        refuted += bounds(trials, 0.0)[0].low > epsilon
    assert refuted <= 0.025 * 80 + 3 * np.sqrt(0.025 * 0.975 * 80)


@pytest.mark.parametrize("records", range(2, 9))
def test_any_number_of_records_can_be_guessed(records: int) -> None:
    inside = [k % 2 for k in range(records)]
    found = bounds([trial(inside, [float(c) for c in inside])] * 2, 0.0)[0]
    assert found.low >= 0
    assert found.attack == "a"


def test_an_attack_that_fails_on_a_release_takes_no_part_and_loses_nothing() -> None:
    inside = np.arange(40) % 2 == 0
    good = inside.astype(float)
    whole, part = Trial(inside, {"a": good, "b": good}), Trial(inside, {"a": good}, failed={"b": "no class"})
    assert bounds([whole, part], 0.0)[0].attack == "a"
    with pytest.raises(PluginError, match="no class"):
        bounds([Trial(inside, {"b": good}), Trial(inside, {}, failed={"b": "no class"})], 0.0)


def test_one_person_of_each_class_is_always_in(toy_cohort: Cohort) -> None:
    who = suspects(toy_cohort, 0, 3)
    assert set(who.always.y) == {"a", "b", "c"}
    assert len(who.always) + len(who.audited) == 60
    assert not set(who.always.samples) & set(who.audited.samples)


def test_a_ceiling_that_is_gaussian_alone_tests_nothing() -> None:
    assert verdict([Bound("repeated runs", "a", 0.0, 1.65, ""), Bound(GAUSSIAN, "a", 0.0, 9.9, "")], 4.0).startswith(
        "not testable"
    )


def test_a_claim_with_steps_outside_its_budget_is_exceeded_and_not_refuted() -> None:
    assert verdict([Bound("one run", "a", 2.0, 5.0, "")], 1.0, end_to_end=False) == "exceeded"
    table = lines(2.0).assign(label="g", end_to_end="no")
    assert audited(table, "g", 1.0, [1e-5]).verdict == "exceeded"


def test_a_larger_claim_made_in_the_audit_is_the_one_that_counts() -> None:
    assert audited(lines(2.0).assign(label="g", claimed=2.5), "g", 1.0, [1e-5]).verdict == "not refuted"


def several(*p_values: float) -> pd.DataFrame:
    """Return as many audits of one generator, each with a bound above the claim."""
    found = [lines(2.0).assign(label="g", epsilon=1.0, p_value=p, seed=i) for i, p in enumerate(p_values)]
    return pd.concat(found, ignore_index=True)


def test_audits_of_one_generator_pay_for_their_number() -> None:
    """An audit has two designs: p = 0.02 of one audit counts as 0.04, among two as 0.08."""
    assert audited(several(0.02), "g", 1.0, [1e-5]).verdict == "refuted"
    assert audited(several(0.02, 0.5), "g", 1.0, [1e-5]).verdict == "not refuted"
    assert audited(several(0.012, 0.5), "g", 1.0, [1e-5]).verdict == "refuted"
    assert audited(several(*[0.012] * 3), "g", 1.0, [1e-5]).verdict == "not refuted"


def test_audited_claims_of_one_page_pay_for_their_number() -> None:
    """p = 0.002 of one audit counts as 0.004; among twelve claims as 0.048, among thirteen as 0.052."""
    once = several(0.002)
    assert audited(once, "g", 1.0, [1e-5], among=12).verdict == "refuted"
    assert audited(once, "g", 1.0, [1e-5], among=13).verdict == "not refuted"


def test_of_an_audit_without_a_p_value_no_more_is_known_than_its_level() -> None:
    assert audited(several(math.nan), "g", 1.0, [1e-5]).verdict == "refuted"
    assert audited(several(math.nan, 0.5), "g", 1.0, [1e-5]).verdict == "not refuted"
    of_less = several(1e-9).assign(epsilon=0.1)  # says that 0.1 does not hold, where 1 is claimed
    assert audited(pd.concat([of_less, several(0.5)]), "g", 1.0, [1e-5]).verdict == "not refuted"


def test_a_file_of_audits_without_p_values_is_read(tmp_path: Path) -> None:
    lines(2.0).drop(columns="p_value").to_csv(tmp_path / "old.csv", index=False)
    found = read_audits(tmp_path / "old.csv")
    assert list(found.columns) == COLUMNS
    assert found["p_value"].isna().all()


def test_a_p_value_is_that_of_the_bound() -> None:
    """The level at which the bound is the tested epsilon, to three digits, for both designs."""
    rng = np.random.default_rng(0)
    many = [trial(inside := rng.random(300) < 0.5, inside + rng.normal(0, 0.8, 300)) for _ in range(2)]
    (bound,) = bounds(many, 1e-5)
    assert bounds(many, 1e-5, epsilon=bound.low)[0].p_value == pytest.approx(0.025, rel=0.01)
    assert math.isnan(bound.p_value)
    once = [trial([run % 2], [run % 2 + rng.normal(0, 0.5)]) for run in range(80)]
    repeated, gaussian = bounds(once, 1e-5)
    found = bounds(once, 1e-5, epsilon=repeated.low)
    assert found[0].p_value == pytest.approx(0.025, rel=0.01)
    assert math.isnan(found[1].p_value)
    assert gaussian.kind == GAUSSIAN


def test_the_attack_of_the_one_run_bound_is_chosen_on_the_other_training() -> None:
    inside = np.arange(200) % 2 == 0
    good, bad = inside.astype(float), (~inside).astype(float)
    chosen = bounds([Trial(inside, {"a": good, "b": bad}), Trial(inside, {"a": bad, "b": good})], 0.0)
    assert (chosen[0].attack, chosen[0].low) == ("a", 0.0)


def test_few_trainings_give_no_bound_over_repeated_runs() -> None:
    trials = [trial([1, 0], [1.0, 0.0])] * (FEWEST_RUNS - 1)
    assert [b.kind for b in bounds(trials, 0.0)] == ["several runs"]


def test_one_record_gives_bounds_over_repeated_runs_alone() -> None:
    trials = [trial([run % 2], [float(run % 2)]) for run in range(FEWEST_RUNS)]
    assert [b.kind for b in bounds(trials, 0.0)] == ["repeated runs", GAUSSIAN]


def test_a_gaussian_bound_refutes_nothing_and_a_low_ceiling_is_said() -> None:
    high, low = Bound(GAUSSIAN, "a", 9.0, 9.5, ""), Bound("one run", "a", 0.5, 3.0, "")
    assert not exceeded([high, low], 1.0)
    assert verdict([low], 1.0) == "not refuted"
    assert verdict([low], 4.0) == "not testable"
    assert verdict([low], 0.4) == "refuted"


def test_an_epsilon_of_10_of_a_gaussian_mechanism_can_be_refuted() -> None:
    def read(mu: float) -> list[Bound]:
        rng = np.random.default_rng(1)
        return bounds([trial([k % 2], [rng.normal() + mu * (k % 2)]) for k in range(240)], 1e-5)

    assert gaussian_verdict(read(6.0), 10.0, 1e-5) == "refuted"  # 10 is a mu of 2
    assert gaussian_verdict(read(2.0), 10.0, 1e-5) == "not refuted"
    assert gaussian_verdict(read(6.0), 30.0, 1e-5) == "not testable"
    assert verdict(read(6.0), 10.0) == "not testable"  # of a claim that says less
    assert gaussian_verdict(read(6.0)[:1], 10.0, 1e-5) is None
    table = audit_lines(one("generator", "noise"), read(6.0), 10.0, 1e-5, ABOUT)
    assert table["as_gaussian"].tolist() == ["", "refuted"]
    assert table["mu"].round(2).tolist()[1] == pytest.approx(read(6.0)[1].mu, abs=0.01)


def test_a_few_trainings_with_many_records_test_an_epsilon_of_10_of_a_gaussian_mechanism() -> None:
    rng = np.random.default_rng(3)

    def told(share: float) -> list[Bound]:
        trials = []
        for _ in range(6):
            inside = rng.random(436) < 0.5
            right = rng.random(436) < share
            trials.append(Trial(inside, {"a": np.where(right, inside, ~inside) + rng.random(436) / 2}))
        return bounds(trials, 1e-5)

    assert gaussian_verdict(told(1.0), 10.0, 1e-5) == "refuted"
    assert verdict(told(1.0), 10.0) == "not testable"
    assert gaussian_verdict(told(0.6), 10.0, 1e-5) == "not refuted"


def test_several_trainings_are_read_as_one_of_as_many_coins() -> None:
    rng = np.random.default_rng(2)
    trials = [copied(5, rng) for _ in range(12)]
    found = bounds(trials, 1e-5)[0]
    assert (found.kind, found.detail) == (
        "several runs",
        "30 of 30 guesses right (30 in, 0 out), on 1084 records in each of 6 trainings",
    )
    assert found.low == one_run_epsilon(6 * 1084, 30, 30, 1e-5, EACH)
    assert found.low > 1 > bounds(trials[:2], 1e-5)[0].low


def test_a_claim_about_replacing_is_tested_by_coins_between_two() -> None:
    claim = PrivacyClaim(
        mechanism="m", unit="one sample", neighbours="replace-one", epsilon=3.0, delta=1e-6, accountant="a"
    )
    assert claim_under_test(claim, None, None, "pairs") == (3.0, 1e-6)
    assert not doubled(claim, "pairs")
    assert doubled(dataclasses.replace(claim, neighbours="add-remove"), "pairs")
    assert not doubled(None, "each")


def test_a_claim_is_taken_from_the_generator_unless_given() -> None:
    claim = PrivacyClaim(
        mechanism="m", unit="one sample", neighbours="add-remove", epsilon=3.0, delta=1e-6, accountant="a"
    )
    assert claim_under_test(claim, None, None) == (3.0, 1e-6)
    assert claim_under_test(claim, 2.0, None) == (2.0, 1e-6)
    assert claim_under_test(None, 2.0, 0.1) == (2.0, 0.1)
    other = dataclasses.replace(claim, neighbours="replace-one")
    with pytest.raises(DataError, match="replace-one"):
        claim_under_test(other, 2.0, None)
    assert claim_under_test(other, 2.0, 0.1) == (2.0, 0.1)
    with pytest.raises(DataError, match="claims nothing"):
        claim_under_test(None, 2.0, None)


def test_attacks_that_need_more_than_the_release_take_no_part() -> None:
    names = {choice.info.name for choice in usable(choose("attack", "all"), one("generator", "noise"))}
    assert "mc" in names
    assert not names & {"mc_official", "domias_gaussian", "shadow_lira"}
    with pytest.raises(PluginError, match="release alone"):
        usable(choose("attack", "domias_gaussian"), one("generator", "noise"))


def test_too_few_runs_are_refused(toy_cohort: Cohort) -> None:
    with pytest.raises(DataError, match="2 or more"):
        Audit(suspects(toy_cohort, 0, 1), one("generator", "noise"), [], runs=1, seed=1)
    with pytest.raises(DataError, match="20 or more"):
        Audit(suspects(toy_cohort, 1, 1), one("generator", "noise"), [], runs=19, seed=1)


# -- what is kept and shown --------------------------------------------------------------------------------------------

ABOUT = {
    "claim": "stated",
    "claimed": 1.0,
    "end_to_end": "yes",
    "records": 5,
    "coins": "each",
    "canaries": 0,
    "searched": 0,
    "runs": 2,
    "seed": 1,
    "attacks": "mc",
    "data": "0123456789ab",
    "bench": "0",
}


def lines(low: float, epsilon: float = 1.0, kind: str = "one run") -> pd.DataFrame:
    return audit_lines(
        one("generator", "private_pgm[epsilon=4]"), [Bound(kind, "mc", low, 5.0, "")], epsilon, 1e-5, ABOUT
    )


def test_another_seed_erases_no_refutation_and_numbers_survive_the_file(tmp_path: Path) -> None:
    path = audits_file(tmp_path, "brca")
    add_audit(path, lines(2.0, 9.990049776253057))
    add_audit(path, lines(2.0, 9.990049776253057))
    add_audit(path, lines(0.0, 9.990049776253057).assign(seed=2))
    assert read_audits(path)["low"].tolist() == [2.0, 0.0]
    assert read_audits(path)["epsilon"].tolist() == [9.990049776253057] * 2


def test_the_same_audit_again_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    path = audits_file(tmp_path, "brca")
    for low, epsilon in ((0.1, 1.0), (0.2, 2.0), (0.3, 1.0)):
        add_audit(path, lines(low, epsilon))
    kept = read_audits(path)
    assert list(kept.columns) == COLUMNS
    assert sorted(kept["low"]) == [0.2, 0.3]


def test_a_damaged_file_of_audits_is_a_clear_error(tmp_path: Path) -> None:
    path = audits_file(tmp_path, "brca")
    path.parent.mkdir()
    path.write_text("a,b\n1,2\n")
    with pytest.raises(StoreError, match="has the columns"):
        read_audits(path)


def test_the_leaderboard_marks_a_refuted_claim_and_only_at_its_own_delta() -> None:
    table = lines(2.0).assign(label="g")
    assert audited(table, "g", 1.0, [1e-5]) == AuditReading("refuted", 2.0, 5.0)
    assert audited(table, "g", 3.0, [1e-5]).verdict == "not refuted"
    assert audited(table, "g", 6.0, [1e-5]).verdict == "not testable"
    assert audited(table, "g", 1.0, [0.001]) == NOT_AUDITED
    assert audited(table, "h", 1.0, [1e-5]) == NOT_AUDITED
    assert audited(lines(2.0, kind=GAUSSIAN).assign(label="g"), "g", 1.0, [1e-5]) == NOT_AUDITED


def test_the_page_shows_audits_of_the_same_cohort_alone(tmp_path: Path) -> None:
    claim = {"mechanism": "Gaussian", "unit": "one sample", "neighbours": "add-remove", "delta": 1e-5}
    claim |= {"accountant": "PLD", "outside": "", "reason": ""}
    values = {
        "dataset": "brca",
        "fold": 1,
        "seed": 42,
        "generator": "private_pgm",
        "params": "epsilon=4.0",
        "value": 1.0,
    }
    named = {"family": "claim", "measure": "epsilon", "attack": "", "status": "ok", **claim, "key": "k"}
    numbers = dict.fromkeys(("low", "high", "wall_s", "peak_mb"), 0.0)
    rows = pd.DataFrame([{**values, **named, **numbers}])[ROW_COLUMNS]
    machine = {"system": "Linux", "cpus": 2, "threads_per_task": 2}
    data = {
        "name": "brca",
        "title": "t",
        "simulated": False,
        "samples": 5,
        "genes": 3,
        "classes": {"a": 5},
        "source": "s",
    }
    about = {"versions": {}, "machine": machine, "command": "c", "created": "now", "bench": "0"}
    add_audit(audits_file(tmp_path, "brca"), lines(2.0))
    for digest, shown in (("0123456789ab" + "0" * 52, True), ("f" * 64, False)):
        write_rows(tmp_path / "rows/brca.csv", rows, {**about, "data": {**data, "digest": digest}})
        write_leaderboard(tmp_path / "rows/brca.csv")
        text = (tmp_path / "leaderboard/brca/claims.md").read_text()
        assert ("**REFUTED**" in text) == shown
        assert ("**Audits.**" in text) == shown


def bench_audit(monkeypatch: pytest.MonkeyPatch, cohort: Cohort, *words: str) -> tuple[int, str]:
    from bench.cli import audit as module
    from bench.datasets import Dataset

    data = Dataset("toy", "Toy", "class", cohort, None, False, "made up")
    monkeypatch.setattr(module, "load_dataset", lambda name: data)
    done = CliRunner().invoke(command, [*words, "--jobs", "1", "--executor", "serial"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_command_refutes_writes_and_exits_with_3(
    planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["no_noise", "--attacks", "along", "--out", str(tmp_path / "out")]
    status, said = bench_audit(monkeypatch, people(150, 2000, 1), *words)
    assert status == 3
    assert "no_noise: claim epsilon 1, delta 1e-05: refuted" in said
    kept = read_audits(tmp_path / "out/audits/toy.csv")
    assert kept["verdict"].tolist() == ["refuted"]
    assert (kept["low"] > 1).all()


def test_the_command_says_that_not_refuted_is_no_proof(
    planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["honest", "--attacks", "along", "--out", str(tmp_path / "out"), "--runs", "20"]
    status, said = bench_audit(monkeypatch, people(200, 20, 1), *words)
    assert status == 0
    assert "not refuted" in said
    assert "could be shown" in said
    assert "no ground for a verdict" in said


def test_the_command_tests_a_claim_about_replacing_by_coins_between_two(
    planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--attacks", "along", "--out", str(tmp_path / "out"), "--coins", "pairs"]
    status, said = bench_audit(monkeypatch, people(100, 20, 1), "replaces", *words)
    assert status == 0
    assert "on 20 records" in said  # as many pairs as a fold holds out
    assert "as a Gaussian mechanism, by one run: mu at least" in said
    status, said = bench_audit(monkeypatch, people(150, 2000, 1), "no_noise", *words)
    assert "(at most 1." in said  # half of what an exchange would show: the claim is about adding and removing
    kept = read_audits(tmp_path / "out/audits/toy.csv")
    assert kept["coins"].tolist() == ["pairs", "pairs"]
    assert kept["claim"].tolist() == ["stated", "stated"]


def test_the_command_searches_for_a_record_and_says_which(
    planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["no_clip", "--attacks", "along", "--out", str(tmp_path / "out"), "--search", "6", "--runs", "40"]
    status, said = bench_audit(monkeypatch, people(60, 20, 1), *words)
    assert status in (0, 3)
    assert "of 6 canaries number" in said
    kept = read_audits(tmp_path / "out/audits/toy.csv")
    assert kept["searched"].tolist() == [6, 6]
    who = suspects(people(60, 20, 1), 6, 42)
    audit = Audit(who.alone(0), one("generator", "no_clip"), [one("attack", "along")], 40, 42)
    looking = _search(audit, who, 0, "each")
    assert (looking.runs, looking.who) == (20, who)
    assert looking.seed != audit.seed  # or the noise that chose the record is in the trainings that are read
    assert kept["bound"].tolist() == ["repeated runs", GAUSSIAN]
    assert kept["records"].tolist() == [1, 1]
    with pytest.raises(DataError, match="give it alone"):
        bench_audit(monkeypatch, people(60, 20, 1), *words, "--canaries", "1")


@pytest.mark.parametrize(
    ("name", "told"), [("noise", "claims nothing"), ("replaces", "replace-one"), ("noise,smote", "names 2 generators")]
)
def test_what_cannot_be_audited_is_refused(
    planted: None, toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    with pytest.raises((DataError, PluginError), match=told):
        bench_audit(monkeypatch, toy_cohort, name, "--attacks", "mc", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out/audits").exists()
