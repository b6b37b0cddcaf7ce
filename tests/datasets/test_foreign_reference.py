"""A reference from elsewhere, for cohorts that bring none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import AttackView, Cohort, DataError, stream
from bench.datasets import Dataset
from bench.datasets.elsewhere import with_people_of
from bench.datasets.folds import make_splits
from bench.datasets.foreign_reference import SHIPPED, WORDS, aligned, foreign_reference
from bench.datasets.known.simulated import Parameters
from bench.engine.plan import Scope, plan_generators
from bench.engine.records import about
from bench.execution import Serial
from bench.execution.runner import Limits, execute, pending
from bench.registry.finding import create, find
from bench.registry.selection import choose
from bench.report.board import board_of
from bench.report.leaderboard import leaderboard_blocks
from bench.report.table import markdown
from bench.statistics.membership import auc
from bench.store.store import Store

GENES = tuple(map(str, Parameters.load(SHIPPED).genes[[5, 3, 8, 0, *range(20, 56)]]))


def toy(genes: tuple[str, ...] = GENES, name: str = "toy") -> Dataset:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 30)
    X = 8 + rng.normal(size=(60, len(genes))) + (labels == "a")[:, None]
    samples = [f"person {i}" for i in range(60)]
    return Dataset.from_cohort(name, Cohort(X=X, y=labels, genes=genes, samples=samples, units="log2"))


def test_each_gene_gets_the_values_of_the_release_and_keeps_its_order() -> None:
    people = np.array([[3.0, 0], [1, 5], [2, 9], [4, 7]], np.float32)
    release = np.array([[10.0, -1], [40, -4], [20, -2], [30, -3]], np.float32)
    assert aligned(people, release).tolist() == [[30, -4], [10, -3], [20, -1], [40, -2]]
    twice = np.repeat(release, 2, axis=0)  # 10 10 20 20 ...: the quantiles of 4 people lie between equal values
    assert aligned(people, twice).tolist() == [[30, -4], [10, -3], [20, -1], [40, -2]]
    assert aligned(people[:2], release).tolist() == [[35, -3.5], [15, -1.5]]  # quantiles 1/4 and 3/4
    assert aligned(people, release[:1]).tolist() == [[10, -1]] * 4


def test_what_other_units_take_away_from_a_reference_comes_back_when_it_is_aligned() -> None:
    rng = np.random.default_rng(3)
    mix = rng.normal(size=(8, 60))

    def people(n: int) -> np.ndarray:
        return (rng.normal(size=(n, 8)) @ mix + rng.normal(size=(n, 60))).astype(np.float32)

    members, others, own = people(80), people(80), people(300)
    elsewhere = np.exp(people(300) / 4) * np.linspace(0.2, 3, 60) + 5  # counts of another platform, say
    z = rng.normal(size=(80, 80)) / np.sqrt(79)
    release = (members.mean(axis=0) + z @ (members - members.mean(axis=0))).astype(np.float32)
    found = {}
    for name, reference in {"own": own, "raw": elsewhere, "aligned": aligned(elsewhere, release)}.items():
        view = AttackView(
            synthetic=release,
            targets=np.concatenate([members, others]),
            genes=tuple(f"g{i}" for i in range(60)),
            reference=reference.astype(np.float32),
        )
        scores = create(find("attack", "domias_gaussian"), {}).score(view, rng=stream(1, name))
        found[name] = auc(scores, np.arange(160) < 80).value
    assert found["own"] > 0.8
    assert found["raw"] < found["own"] - 0.1
    assert found["aligned"] > (found["own"] + found["raw"]) / 2  # most of what other units took away comes back


def test_people_of_elsewhere_have_the_genes_of_the_cohort_in_its_order() -> None:
    people = foreign_reference(toy())
    assert people is not None
    assert people.genes == GENES
    assert len(people) == 824
    whole = foreign_reference(toy(tuple(map(str, Parameters.load(SHIPPED).genes))))
    assert whole is not None
    assert (people.X[:, 0] == whole.X[:, 5]).all()


def test_there_are_none_for_other_genes_nor_where_the_cohort_brings_its_own() -> None:
    assert foreign_reference(toy((*GENES[:-1], "no gene"))) is None
    own = toy()
    brings = Dataset.from_cohort("toy", own.cohort.take(range(50)), reference=own.cohort.take(range(50, 60)))
    assert foreign_reference(brings) is None


def test_a_run_shows_them_to_the_attacks_that_ask_and_to_nobody_else(tmp_path: Path) -> None:
    data = toy()
    store = Store(tmp_path).open()
    scope = Scope(data, make_splits(data.cohort, seed=42, n_folds=3)[:1], store)
    asked = choose("generator", "smote"), choose("metric", "mmd"), choose("attack", "gan_leaks_cal,gan_leaks")
    plan = plan_generators(scope, *asked)
    assert scope.cannot_run(asked[2]) == []
    assert scope.shows_foreign_reference(asked[2])
    assert not scope.shows_foreign_reference(choose("attack", "gan_leaks"))
    rows = execute(plan, pending(plan, store), store, Limits(1, 1), lambda *_: None, Serial()).rows
    assert rows["status"].eq("ok").all()
    release, split = store.read_sample(plan[0].cell.sample_key), scope.splits[0]
    people = foreign_reference(data)
    assert people is not None
    view = AttackView(
        synthetic=release.X,
        targets=np.concatenate([split.train.X, split.holdout.X]),
        genes=GENES,
        reference=aligned(people.X, release.X),
    )
    scores = create(find("attack", "gan_leaks_cal"), {}).score(view, rng=stream(1, "x"))
    read = rows[(rows["measure"] == "auc") & (rows["attack"] == "gan_leaks_cal")]["value"].item()
    assert read == pytest.approx(auc(scores, np.arange(60) < len(split.train)).value, abs=0.01)  # values on a grid
    page = markdown(leaderboard_blocks(board_of(rows, about(data, 1)), about(data, 1)))
    assert "black-box + foreign reference" in page
    assert WORDS in page


def test_only_the_keys_of_attacks_that_ask_depend_on_them(tmp_path: Path) -> None:
    store, splits = Store(tmp_path).open(), make_splits(toy().cohort, seed=42, n_folds=3)[:1]
    asked = choose("generator", "smote"), choose("metric", "mmd"), choose("attack", "gan_leaks,gan_leaks_cal")
    own = toy().cohort
    brings = Dataset.from_cohort("toy", own, reference=own.synthetic(own.X, own.y))  # other names: other people
    keys = [
        {task.plugin.name: task.key for task in plan_generators(Scope(data, splits, store), *asked)[0].tasks}
        for data in (toy(), brings)
    ]
    assert {name for name, key in keys[0].items() if keys[1][name] != key} == {"gan_leaks_cal"}


def test_attacks_of_another_modality_are_not_said_to_lack_a_reference(tmp_path: Path) -> None:
    data = toy((*GENES[:-1], "no gene"))
    scope = Scope(data, make_splits(data.cohort, seed=42, n_folds=3)[:1], Store(tmp_path).open())
    left_out = [choice.info.name for choice in scope.cannot_run(choose("attack", "gan_leaks_cal,beacon,gan_leaks"))]
    assert left_out == ["gan_leaks_cal"]  # beacon is about genomes, and so not applicable


# -- people of a cohort that is named ----------------------------------------------------------------------------------


def people_of(name: str, genes: tuple[str, ...], n: int = 40, units: str = "vst") -> Dataset:
    X = np.random.default_rng(5).normal(5, 1, (n, len(genes)))
    names = [f"{name} {i}" for i in range(n)]
    return Dataset.from_cohort(name, Cohort(X=X, y=["x"] * n, genes=genes, samples=names, units=units))


def test_the_people_of_a_named_cohort_are_shown_in_the_order_of_the_genes_under_attack(tmp_path: Path) -> None:
    theirs = people_of("theirs", (*GENES[::-1], "more"))
    attacked = with_people_of(toy(), theirs)
    assert (attacked.name, attacked.digest) == ("toy-as-theirs", toy().digest)
    assert attacked.elsewhere is not None
    assert np.array_equal(attacked.elsewhere.people.X, theirs.expression.X[:, : len(GENES)][:, ::-1])
    split = make_splits(attacked.cohort, seed=42)[0]
    scope = Scope(attacked, [split], Store(tmp_path / "store").open())
    plan = plan_generators(scope, choose("generator", "multivariate"), [], choose("attack", "domias_gaussian"))
    rows = execute(plan, pending(plan, scope.store), scope.store, Limits(1, 1), lambda *_: None, Serial()).rows
    assert (rows["status"] == "ok").all()
    words = about(attacked, 1)["data"]["reference"]
    assert words == "foreign: 40 people of theirs, each gene moved to the quantiles of the release"
    shipped = plan_generators(
        Scope(toy(), [split], scope.store), choose("generator", "multivariate"), [], choose("attack", "domias_gaussian")
    )
    assert shipped[0].tasks[1].key != plan[0].tasks[1].key


def test_a_cohort_that_cannot_be_the_reference_is_refused() -> None:
    with pytest.raises(DataError, match=r"'theirs' lacks 1 of the \d+ genes of 'toy'"):
        with_people_of(toy(), people_of("theirs", GENES[1:]))
    with pytest.raises(DataError, match="is in both 'toy' and 'toy'"):
        with_people_of(toy(), toy())
    whole = Dataset.from_cohort("whole", toy().cohort, reference=people_of("theirs", GENES, units="log2").cohort)
    with pytest.raises(DataError, match="brings a reference set of 40 people; leave out --reference"):
        with_people_of(whole, people_of("others", GENES))
