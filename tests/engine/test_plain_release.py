"""Before a release is scored or published nothing is left of it but values on a grid and labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import runs
from numpy.typing import ArrayLike, NDArray

from bench import Cohort, Images, Records, run, score, stream
from bench.boundary.plain_release import FINEST, at_resolution, on_grid, plain_release
from bench.core.cohort import as_expression
from bench.core.records import Units
from bench.engine.plan import keys_of_plan, plan_given
from bench.execution import Serial
from bench.registry.declarations import PluginInfo
from bench.registry.finding import add_plugin_file, create
from bench.registry.selection import choose
from bench.store.store import Store
from bench.studies.audit import Audit
from bench.studies.suspects import suspects

LOW = 12  # bits of a float that hide something
SMUGGLER = '''
from dataclasses import dataclass
import numpy as np
from bench import Cohort, generator

@generator("smuggler")
@dataclass(kw_only=True)
class Smuggler:
    """Release noise about the mean, and hide who was trained on beside and below the values."""

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        real = self.cohort_.take(np.argsort(self.cohort_.X[:, 0]))
        X = rng.normal(real.X.mean(axis=0), 0.5, real.X.shape).astype(np.float32)
        low, high = real.X.min(), real.X.max()
        code = np.round((real.X - low) / (high - low) * 4095).astype(np.uint32)
        X = ((X.view(np.uint32) & np.uint32(0xFFFFF000)) | code).view(np.float32)
        X[:4] = X[4:8]
        X[4, 0] += np.float32(1e-6)
        return Cohort(X=X, y=real.y, genes=real.genes, samples=real.samples, units=real.units, donors=real.samples,
                      obs={"who": np.array(real.samples)})
'''


@pytest.fixture
def smuggler(tmp_path: Path) -> PluginInfo:
    path = tmp_path / "smuggler.py"
    path.write_text(SMUGGLER)
    return add_plugin_file(path)


@pytest.fixture
def hidden(smuggler: PluginInfo, toy_cohort: Cohort) -> Cohort:
    """What the smuggler hands to the harness."""
    made: Cohort = create(smuggler).fit(toy_cohort, rng=stream(1)).sample(60, rng=stream(2))
    return made


@pytest.fixture
def plain(hidden: Cohort, toy_cohort: Cohort) -> Cohort:
    """What the harness keeps of it."""
    return as_expression(plain_release(hidden, like=toy_cohort).records)


def _low_bits(X: NDArray[np.float32]) -> NDArray[np.uint32]:
    bits: NDArray[np.uint32] = X.view(np.uint32) & np.uint32((1 << LOW) - 1)
    return bits


def _rows(cohort: Records) -> Counter[tuple[object, ...]]:
    return Counter((label, *row) for label, row in zip(cohort.y.tolist(), cohort.X.tolist(), strict=True))


# -- what a generator could hide ---------------------------------------------------------------------------------------


def test_the_low_bits_of_a_release_hold_nothing(hidden: Cohort, plain: Cohort, toy_cohort: Cohort) -> None:
    real = toy_cohort.X[np.argsort(toy_cohort.X[:, 0])][8:]
    read = _low_bits(hidden.X)[8:] / 4095 * (toy_cohort.X.max() - toy_cohort.X.min()) + toy_cohort.X.min()
    assert np.abs(read - real).max() < 0.01  # the training matrix lies open in what the generator returned
    assert not _low_bits(plain.X).any()
    assert np.abs(np.sort(hidden.X, axis=0) - np.sort(plain.X, axis=0)).max() <= 2.0**-8


def test_the_sign_of_zero_holds_nothing(toy_cohort: Cohort) -> None:
    X = toy_cohort.X.copy()
    X[:20], X[20:40] = -0.0, -1e-9
    released = plain_release(toy_cohort.synthetic(X, toy_cohort.y), like=toy_cohort).records
    assert (released.X == 0).sum() == 40 * 16
    assert not np.signbit(released.X[released.X == 0]).any()
    assert not np.signbit(on_grid(np.float32([[-0.0, -1e-9]]), "intensity")).any()


def test_names_and_further_columns_of_a_release_are_gone(hidden: Cohort, plain: Cohort) -> None:
    assert set(hidden.samples) & {"s00", "s59"}
    assert plain.samples == tuple(f"synthetic_{i + 1}" for i in range(60))
    assert plain.donors is None
    assert plain.obs == {}


def test_a_class_of_records_that_a_plugin_brings_is_not_kept(toy_cohort: Cohort) -> None:
    class Bag(Cohort):
        """A cohort with a secret, which it hands on."""

        def synthetic(self, X: ArrayLike, y: ArrayLike | None) -> Cohort:
            return self

    bag = Bag(**{name: getattr(toy_cohort, name) for name in ("X", "y", "genes", "samples", "units")})
    released = plain_release(bag, like=toy_cohort).records
    assert type(released) is Cohort
    assert not set(released.samples) & set(bag.samples)


def test_the_order_of_rows_holds_nothing(hidden: Cohort, toy_cohort: Cohort) -> None:
    """Whatever order a generator chooses, with whatever knowledge, the release is the same."""
    released = [
        plain_release(hidden.take(order), like=toy_cohort).records.digest
        for order in (np.arange(60), np.arange(60)[::-1], np.random.default_rng(3).permutation(60))
    ]
    assert len(set(released)) == 1
    found = plain_release(hidden, like=toy_cohort).records
    assert abs(np.corrcoef(found.X[:, 0], np.arange(60))[0, 1]) < 0.5  # and it is no order by value
    assert (found.y[:-1] == found.y[1:]).mean() < 0.7  # nor by class


def test_equal_values_of_two_classes_keep_no_order(toy_cohort: Cohort) -> None:
    twice = toy_cohort.synthetic(np.repeat(toy_cohort.X[:1], 8, axis=0), list("aabbccab"))
    again = twice.take(np.arange(8)[::-1])
    assert plain_release(twice, like=toy_cohort).records.digest == plain_release(again, like=toy_cohort).records.digest


# -- what must stay ----------------------------------------------------------------------------------------------------


def test_each_label_stays_with_its_row(hidden: Cohort, plain: Cohort, toy_cohort: Cohort) -> None:
    rounded = toy_cohort.synthetic(on_grid(hidden.X, hidden.units), hidden.y)
    assert _rows(plain) == _rows(rounded)
    assert plain.y.tolist() != hidden.y.tolist()


def test_what_is_plain_stays_as_it_is(plain: Cohort, toy_cohort: Cohort) -> None:
    again = plain_release(plain, like=toy_cohort)
    assert again.records.digest == plain.digest


def test_counts_stay_whole_numbers_and_small_ones_stay_what_they_are() -> None:
    counts = np.arange(0, 4097, dtype=np.float32).reshape(1, -1)
    np.testing.assert_array_equal(on_grid(counts, "counts"), counts)
    large = np.float32([[4097.4, 123456.7, 16777213.0, 2.5e9]])
    found = on_grid(large, "counts")
    np.testing.assert_array_equal(found, np.round(found))
    assert (np.abs(found - large) <= large / 4096).all()


@pytest.mark.parametrize("units", [u for u in get_args(Units) if u != "intensity"])
def test_rounding_moves_no_value_by_more_than_half_a_step(units: Units) -> None:
    X = np.random.default_rng(0).normal(0, 12, size=(300, 40)).astype(np.float32)
    found = on_grid(X, units)
    steps = np.maximum(FINEST[units], np.abs(X) / 2**11)
    assert (np.abs(found - X) <= steps / 2).all()
    assert not _low_bits(found).any()
    np.testing.assert_array_equal(on_grid(found, units), found)


def test_blocks_round_as_the_whole_does(toy_cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = on_grid(toy_cohort.X, "vst")
    monkeypatch.setattr("bench.boundary.plain_release._BLOCK", 7 * 16)
    np.testing.assert_array_equal(on_grid(toy_cohort.X, "vst"), whole)


def test_images_keep_the_levels_of_an_image_and_their_shape() -> None:
    rng = np.random.default_rng(1)
    bytes_ = Images(
        pixels=rng.integers(256, size=(9, 4, 3, 2)).astype(np.uint8), y=["a", "b", "c"] * 3, samples=tuple("abcdefghi"),
        donors=np.array(list("abcdefghi")),
    )  # fmt: skip
    found = plain_release(bytes_, like=bytes_).records
    assert isinstance(found, Images)
    assert found.shape == (4, 3, 2)
    assert found.donors is None
    assert _rows(found) == _rows(bytes_)  # 8 bits are the grid
    fine = bytes_.synthetic(rng.random((9, 24)), bytes_.y)
    assert len(np.unique(plain_release(fine, like=bytes_).records.X * 255 % 1)) < 4


def test_a_release_without_labels_has_none_afterwards(toy_cohort: Cohort) -> None:
    assert not plain_release(toy_cohort.synthetic(toy_cohort.X, None), like=toy_cohort).records.has_labels


def test_repeated_rows_are_counted_before_and_after_rounding(toy_cohort: Cohort) -> None:
    X = toy_cohort.X.copy()
    X[:3] = X[5]  # three more of one row
    X[1, 0] += np.float32(1e-5)  # which one of them differs from below the grid
    found = plain_release(toy_cohort.synthetic(X, toy_cohort.y), like=toy_cohort)
    assert (found.duplicates, found.duplicates_before) == (3, 2)


def test_real_people_are_compared_at_the_resolution_of_releases(toy_cohort: Cohort) -> None:
    people = replace(toy_cohort, donors=np.array(toy_cohort.samples), obs={"tissue": toy_cohort.y})
    seen = as_expression(at_resolution(people))
    copy = plain_release(toy_cohort.synthetic(people.X, people.y), like=people).records
    assert _rows(seen) == _rows(copy)
    assert seen.samples == people.samples
    assert seen.donors is not None
    assert list(seen.obs) == ["tissue"]
    assert at_resolution(seen) is seen
    bare = at_resolution(toy_cohort.synthetic(toy_cohort.X, None))
    assert not bare.has_labels
    fine = Images(pixels=np.float32([[[[0.1]]], [[[0.7]]]]), y=["a", "b"], samples=("a", "b"))
    np.testing.assert_array_equal(at_resolution(fine).X, on_grid(fine.X, "intensity"))


# -- in a run ----------------------------------------------------------------------------------------------------------


def test_what_a_run_keeps_and_counts_is_plain(smuggler: PluginInfo, toy_cohort: Cohort, tmp_path: Path) -> None:
    results = run("smuggler,copy_train", runs.toy_dataset(toy_cohort), folds=1, metrics="distance_to_closest", attacks="gan_leaks",
                  plugins=[smuggler.path], out=tmp_path / "out", executor=Serial(), progress=False)  # fmt: skip
    assert results.lost == 0
    release = Store(tmp_path / "out" / "store").read_sample(runs.sample_row(results.rows, "smuggler")["key"])
    assert isinstance(release, Cohort)
    assert not _low_bits(release.X).any()
    assert set(release.samples) == {f"synthetic_{i + 1}" for i in range(48)}
    assert (release.donors, release.obs) == (None, {})
    counted = results.rows.set_index(["generator", "measure"])["value"]
    assert counted["smuggler", "duplicates"] == 4
    assert counted["smuggler", "duplicates_before_rounding"] == 3
    assert counted["copy_train", "duplicates"] == 0
    assert results.attacks()["gan_leaks"]["copy_train"] == 1.0  # a copy on the grid is still found
    assert counted["copy_train", "distance_to_closest"] == 0


def test_a_release_made_elsewhere_is_made_plain_and_counted(toy_cohort: Cohort, tmp_path: Path) -> None:
    X = np.concatenate([toy_cohort.X[:30], toy_cohort.X[:10]])
    theirs = toy_cohort.synthetic(X + np.float32(1e-5), np.concatenate([toy_cohort.y[:30], toy_cohort.y[:10]]))
    results = score(theirs, runs.toy_dataset(toy_cohort), folds=1, name="theirs", metrics="mmd", attacks="mc",
                    out=tmp_path / "out", executor=Serial(), progress=False)  # fmt: skip
    row = results.rows.set_index("measure").loc["duplicates"]
    assert row["value"] == 10
    release = Store(tmp_path / "out" / "store").read_sample(row["key"])
    assert isinstance(release, Cohort)
    assert not _low_bits(release.X).any()
    page = next((tmp_path / "out").glob("leaderboard/*/cost.md")).read_text()
    assert "duplicates" in page


def test_another_release_step_is_another_key(
    toy_cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = runs.toy_dataset(toy_cohort)
    scope, before = runs.planned(dataset, tmp_path, "smote")
    given = plan_given(scope, "theirs", {1: dataset.cohort}, [], [])
    audit = Audit(suspects(toy_cohort, 0, 1), choose("generator", "noise")[0], choose("attack", "mc"), 2, 1)
    audited = audit.plan(scope.store, "toy")
    monkeypatch.setattr("bench.engine.plan.release_digest", lambda: "another")
    monkeypatch.setattr("bench.studies.audit.release_digest", lambda: "another")
    _, after = runs.planned(dataset, tmp_path, "smote")
    given_after = plan_given(scope, "theirs", {1: dataset.cohort}, [], [])
    assert not keys_of_plan(before) & keys_of_plan(after)
    assert not keys_of_plan(given) & keys_of_plan(given_after)
    assert not keys_of_plan(audited) & keys_of_plan(audit.plan(scope.store, "toy"))
