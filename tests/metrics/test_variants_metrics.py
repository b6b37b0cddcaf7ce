"""Measures of variants against sums by hand, brute force and independent implementations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bench.metrics.variants._genotypes import apart, linkage
from bench.metrics.variants.adversarial_accuracy import halves
from bench.metrics.variants.allele_frequencies import spectrum
from bench.metrics.variants.ancestry import hudson_fst, wasserstein
from bench.metrics.variants.haplotype_windows import distance, windows
from bench.metrics.variants.heterozygosity import counts, hardy_weinberg
from bench.metrics.variants.imputation import imputed_r2
from bench.metrics.variants.linkage import decay_of
from scipy import stats

from bench import PluginError, Variants, stream
from bench.conformance import haplotypes
from bench.registry.finding import create, find


def measured(name: str, train: Variants, holdout: Variants, made: Variants, **params: Any) -> dict[str, float]:
    return dict(create(find("metric", name), params)(train, holdout, made, rng=stream(0, name)))


def people(calls: Any, *, y: Any = None, sites: Any = None) -> Variants:
    calls = np.asarray(calls, dtype=np.int8)
    names = sites or tuple(f"1:{100 * (i + 1)}:A>G" for i in range(calls.shape[2]))
    labels = ["a"] * len(calls) if y is None else y
    return Variants(calls=calls, y=labels, sites=names, samples=tuple(f"p{i}" for i in range(len(calls))))


def unphased(some: Variants) -> Variants:
    return replace(some, calls=some.genotypes[:, None], y=some.y)


TRAIN, HOLDOUT, MADE = (haplotypes(150, who, sites=40, apart=0.8) for who in ("train", "holdout", "made"))


# -- frequencies -------------------------------------------------------------------------------------------------------


def test_frequencies_are_compared_by_hand() -> None:
    real = people([[[0, 1, 0], [1, 1, 0]], [[0, 1, 0], [0, 0, 1]]])  # 1/4, 3/4, 1/4
    made = people([[[0, 1, 0], [0, 1, 0]], [[1, 1, 0], [1, 1, 0]]])  # 1/2, 1, 0
    found = measured("allele_frequencies", real, real, made)
    assert found["af_mae"] == found["af_mae_common"] == pytest.approx(0.25)
    assert found["af_r"] == pytest.approx(np.corrcoef([0.25, 0.75, 0.25], [0.5, 1, 0])[0, 1])
    assert (found["af_r_real"], found["af_mae_real"], found["sfs_distance_real"]) == (pytest.approx(1), 0, 0)
    assert np.isnan(found["af_mae_rare"])
    assert found["sfs_distance"] == pytest.approx(1)  # 3 sites of 1/4; and one of 1/2, two that do not vary


def test_the_spectrum_is_that_of_minor_alleles() -> None:
    found = spectrum(np.array([0, 0.003, 0.997, 0.007, 0.5, 1.0, np.nan, 0.25]))
    np.testing.assert_allclose(found, np.array([3, 2, 1, 0, 0, 0, 0, 1, 0, 1]) / 8)


# -- linkage -----------------------------------------------------------------------------------------------------------


def test_linkage_is_the_correlation_of_numpy_and_0_where_a_site_does_not_vary() -> None:
    calls = TRAIN.calls.copy()
    calls[:, :, 3] = 1
    found = linkage(people(calls), np.arange(40))
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.corrcoef(calls.reshape(-1, 40).T)
    np.testing.assert_allclose(found, np.nan_to_num(expected), atol=1e-9)
    genotypes = np.corrcoef(TRAIN.genotypes.T)
    np.testing.assert_allclose(linkage(unphased(TRAIN), np.arange(40)), genotypes, atol=1e-9)


def test_missing_calls_are_left_out_of_linkage_pair_by_pair() -> None:
    calls = TRAIN.calls[:, :, :6].copy()
    calls[stream(3).random(calls.shape) < 0.2] = -1
    found = linkage(people(calls), np.arange(6))
    x = calls.reshape(-1, 6)
    for i, j in ((0, 1), (2, 5)):
        both = (x[:, i] >= 0) & (x[:, j] >= 0)
        assert found[i, j] == pytest.approx(np.corrcoef(x[both, i], x[both, j])[0, 1])


def test_decay_is_the_mean_in_bins_of_distance_within_a_chromosome() -> None:
    sites = ("1:100:A>G", "1:200:A>G", "1:900:A>G", "2:150:A>G")
    some = people(np.zeros((2, 2, 4)), sites=sites)
    r2 = np.array([0.9, 0.2, 7, 0.4, 7, 7])  # pairs 01, 02, 03, 12, 13, 23
    away, mean = decay_of(some, r2)
    np.testing.assert_allclose(away, [100, 700, 800])
    np.testing.assert_allclose(mean, [0.9, 0.4, 0.2])


def test_linkage_that_is_lost_is_noticed_and_real_people_are_the_floor() -> None:
    shuffled = TRAIN.calls.reshape(-1, 40).copy()
    for site in range(40):
        shuffled[:, site] = stream(site).permutation(shuffled[:, site])
    lost = TRAIN.synthetic(shuffled.reshape(150, 2, 40), TRAIN.y)
    good, bad = (measured("linkage", TRAIN, HOLDOUT, made) for made in (MADE, lost))
    assert good["ld_r"] > 0.5 > bad["ld_r"]
    assert good["ld_mae"] < bad["ld_mae"]
    assert good["ld_decay_mae"] < bad["ld_decay_mae"]
    copied = measured("linkage", TRAIN, HOLDOUT, TRAIN)
    assert all(copied[name] == copied[f"{name}_real"] for name in ("ld_r", "ld_mae", "ld_decay_mae"))


def test_windows_are_counted_by_hand() -> None:
    real = people([[[0, 1, 0], [1, 1, 1]], [[0, 1, 0], [0, 1, 0]]])
    assert windows(real, 2).tolist() == [[2, 0], [3, 1], [2, 0], [2, 0]]
    assert distance(np.array([2, 3, 2, 2]), np.array([2, 2, 5, 5])) == pytest.approx(0.5)
    made = people([[[0, 1, 0], [1, 0, 1]], [[0, 1, 0], [0, 0, 0]]])
    found = measured("haplotype_windows", real, real, made, window=2)
    assert found["window_distance"] == pytest.approx((0.5 + 0.0) / 2)  # 2,3,2,2 and 2,1,2,0; then 0,1,0,0 twice
    assert found["haplotypes_ratio"] == pytest.approx((3 / 2 + 2 / 2) / 2)
    assert found["window_distance_real"] == 0
    assert np.isnan(measured("haplotype_windows", unphased(real), unphased(real), unphased(made))["window_distance"])
    with pytest.raises(PluginError, match="window is 63"):
        measured("haplotype_windows", real, real, made, window=63)


# -- neighbours --------------------------------------------------------------------------------------------------------


def test_the_halves_of_aats_are_those_of_brute_force() -> None:
    a, b = (x.calls.reshape(-1, 40)[:90] for x in (TRAIN, MADE))
    d = lambda x, y: np.abs(x[:, None].astype(int) - y).sum(axis=2).astype(float)  # noqa: E731
    own_a, own_b, other = d(a, a), d(b, b), d(a, b)
    np.fill_diagonal(own_a, np.inf)
    np.fill_diagonal(own_b, np.inf)
    share = lambda own, away: np.mean((own < away) + 0.5 * (own == away))  # noqa: E731
    expected = share(own_a.min(axis=1), other.min(axis=1)), share(own_b.min(axis=1), other.min(axis=0))
    assert halves(a, b) == pytest.approx(expected)
    np.testing.assert_array_equal(apart(a, a, itself=True), own_a.min(axis=1))


def test_copies_lose_all_privacy_and_independent_sites_hide_behind_the_mean() -> None:
    copied = measured("adversarial_accuracy", TRAIN, HOLDOUT, TRAIN.synthetic(TRAIN.X, TRAIN.y))
    assert copied["exact_copies"] == 1.0
    assert copied["aats_real"] < 0.1
    assert copied["privacy_loss"] > 0.3
    assert copied["exact_copies_real"] == pytest.approx(
        np.mean([row.tobytes() in {r.tobytes() for r in TRAIN.haplotypes} for row in HOLDOUT.haplotypes])
    )
    fresh = measured("adversarial_accuracy", TRAIN, HOLDOUT, MADE)
    assert abs(fresh["aats"] - 0.5) < 0.08
    assert abs(fresh["privacy_loss"]) < 0.06
    one = measured("adversarial_accuracy", TRAIN, HOLDOUT, MADE.take([]))
    assert all(np.isnan(value) for value in one.values())


# -- genotypes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [(50, 20, 30), (100, 3, 1), (10, 0, 10), (0, 20, 0), (57, 14, 50), (30, 10, 0)])
def test_hardy_weinberg_is_the_exact_test_by_its_recurrence(seen: tuple[int, int, int]) -> None:
    """The published algorithm walks from the likeliest number of heterozygotes outwards; here it is done anew."""
    aa, ab, bb = seen
    n, rare = aa + ab + bb, 2 * min(aa, bb) + ab
    chance = {rare % 2: 1.0}
    for het in range(rare % 2, rare - 1, 2):
        hom_rare = (rare - het) // 2
        hom_common = n - het - hom_rare
        chance[het + 2] = chance[het] * 4 * hom_rare * hom_common / ((het + 2) * (het + 1))
    total = sum(chance.values())
    expected = sum(c for c in chance.values() if c <= chance[ab] * (1 + 1e-9)) / total
    assert hardy_weinberg(*seen) == pytest.approx(expected)


def test_hardy_weinberg_by_hand() -> None:
    # two people, two alleles of each kind: het 0 has weight 2!/(1! 0! 1!) = 2, het 2 weight 4 * 2!/(0! 2! 0!) = 4
    assert hardy_weinberg(1, 0, 1) == pytest.approx(1 / 3)
    assert hardy_weinberg(0, 2, 0) == pytest.approx(1.0)


def test_heterozygotes_are_counted_by_hand() -> None:
    some = people([[[0, 1], [1, 1]], [[0, 0], [1, -1]], [[0, 0], [0, 0]]])
    assert counts(some).tolist() == [[1, 1], [2, 0], [0, 1]]
    found = measured("heterozygosity", some, some, people(1 - np.abs(some.calls)))
    p = np.array([2 / 6, 2 / 4])
    expected = (2 * p * (1 - p) * [3, 2]).sum()
    assert found["inbreeding_real"] == pytest.approx(1 - 2 / expected)
    assert found["het_mae_real"] == 0


def test_unrelated_haplotypes_are_in_equilibrium_and_lumped_populations_are_not() -> None:
    rng = stream(8)
    p = np.repeat([0.1, 0.9], 200)[:, None, None]
    lumped = people((rng.random((400, 2, 20)) < p).astype(np.int8))
    mixed = people((rng.random((400, 2, 20)) < 0.5).astype(np.int8))
    found = measured("heterozygosity", lumped, lumped, mixed)
    assert (found["hwe_departures"], found["hwe_departures_real"]) == (0.0, 1.0)
    assert found["inbreeding_real"] == pytest.approx(0.64, abs=0.04)  # (.8)^2: the Wahlund effect
    assert abs(found["inbreeding"]) < 0.03


# -- structure ---------------------------------------------------------------------------------------------------------


def test_fst_by_hand() -> None:
    one = people([[[1], [1]], [[1], [0]]])  # 3 of 4
    two = people([[[0], [0]], [[1], [0]], [[0], [0]]])  # 1 of 6
    p1, p2 = 3 / 4, 1 / 6
    between = (p1 - p2) ** 2 - p1 * (1 - p1) / 3 - p2 * (1 - p2) / 5
    assert hudson_fst(one, two) == pytest.approx(between / (p1 * (1 - p2) + p2 * (1 - p1)))
    fixed = people(np.ones((3, 2, 1))), people(np.zeros((3, 2, 1)))
    assert hudson_fst(*fixed) == 1.0
    assert np.isnan(hudson_fst(fixed[0], fixed[0]))


def test_the_wasserstein_distance_is_that_of_scipy() -> None:
    a, b = stream(1).normal(0, 1, 70), stream(2).normal(0.5, 2, 41)
    assert wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b))


def test_structure_that_is_kept_scores_like_real_people_and_shuffled_labels_do_not() -> None:
    good = measured("ancestry", TRAIN, HOLDOUT, MADE)
    shuffled = MADE.synthetic(MADE.X, stream(3).permutation(MADE.y))
    bad = measured("ancestry", TRAIN, HOLDOUT, shuffled)
    assert good["ancestry_accuracy"] > 0.8 > 0.5 > bad["ancestry_accuracy"]
    assert good["fst_mae"] < 0.03 < bad["fst_mae"]
    assert abs(good["fst_to_real"]) < 0.01
    assert good["pca_distance"] < 2 * good["pca_distance_real"]
    one_class = MADE.take(MADE.y == "a")
    assert np.isnan(measured("ancestry", TRAIN, HOLDOUT, one_class)["fst_mae"])


def test_imputation_finds_the_linked_site_and_members_of_a_copy() -> None:
    rng = stream(6)
    seed = rng.integers(0, 2, (200, 2, 1))
    noisy = np.where(rng.random((200, 2, 20)) < 0.1, 1 - seed, seed)  # every site is a noisy copy of one
    real, other = people(noisy[:100]), people(noisy[100:])
    asked = {"every": 5, "flank": 10, "neighbours": 3}
    assert imputed_r2(other, real, **asked) > 0.5
    loose = people(rng.integers(0, 2, (100, 2, 20)))
    assert imputed_r2(loose, real, **asked) < 0.1
    copied = measured("imputation", TRAIN, HOLDOUT, TRAIN.synthetic(TRAIN.X, TRAIN.y), neighbours=1)
    fresh = measured("imputation", TRAIN, HOLDOUT, MADE, neighbours=1)
    assert copied["imputation_gap"] > 0.5 > 0.2 > abs(fresh["imputation_gap"])
    assert copied["imputation_r2"] == copied["imputation_r2_real"]


def test_imputation_counts_hundreds_of_equally_near_haplotypes() -> None:
    calls = np.repeat(np.array([[[0] * 9, [1] * 9]], dtype=np.int8), 200, axis=0)  # 200 of each haplotype
    asked = {"every": 3, "flank": 3, "neighbours": 5}
    assert imputed_r2(people(calls), people(calls[:10]), **asked) == pytest.approx(1.0)


def test_frequencies_equilibrium_and_linkage_are_those_that_plink_prints() -> None:
    """PLINK v1.90b6.26 (``--freq``, ``--hardy``, ``--r2 square``) on every eighth of the shipped simulated people."""
    from bench.datasets.known.genomes import simulated_people

    some = simulated_people().take(np.arange(0, 2504, 8))
    place = {site: i for i, site in enumerate(some.sites)}
    c = counts(some).astype(int)
    frequency = np.minimum(some.frequencies, 1 - some.frequencies)
    for site, maf, seen, p in (
        ("1:11703471:A>C", 0.1326, (3, 77, 233), 0.3238),
        ("1:11726872:T>C", 0.01597, (1, 8, 304), 0.0704),
        ("1:11779480:C>T", 0.385, (74, 93, 146), 5.432e-11),
        ("1:11828927:A>G", 0.3227, (45, 112, 156), 0.001794),
    ):
        i = place[site]
        assert frequency[i] == pytest.approx(maf, abs=5e-5)
        assert sorted(c[[0, 2], i].tolist()) == sorted([seen[0], seen[2]])
        assert c[1, i] == seen[1]
        assert hardy_weinberg(*c[:, i]) == pytest.approx(p, rel=1e-3)
    r2 = linkage(unphased(some), np.arange(some.n_sites)) ** 2
    for i, j, printed in (
        (10, 11, 0.01518), (100, 101, 0.00471238), (100, 140, 0.102645), (300, 301, 0.0366248), (500, 510, 0.0657483),
    ):  # fmt: skip
        assert r2[i, j] == pytest.approx(printed, rel=1e-5)


# -- site statistics ---------------------------------------------------------------------------------------------------


def test_site_statistics_by_hand() -> None:
    sites = ("1:100:A>G", "1:200:C>A", "1:300:A>AT", "1:400:C>T")
    real = people([[[1, 0, 0, 1], [1, 1, 0, 0]], [[0, 0, 1, 0], [1, 0, 0, 0]]], sites=sites)
    made = people([[[0, 1, 0, 1], [0, 1, 1, 1]], [[0, 0, 0, 1], [0, 0, 0, 0]]], sites=sites)
    found = measured("site_statistics", real, real, made)
    assert (found["ts_tv"], found["ts_tv_real"]) == (3 / 2, (3 + 1) / 1)  # an insertion is neither
    assert (found["het_hom"], found["het_hom_real"]) == (2 / 2, 5 - 1)  # one real homozygote, at the first site
    assert (found["alternates"], found["alternates_real"]) == (3, 3)
    assert (found["singletons"], found["singletons_real"]) == (pytest.approx(1 / 4), pytest.approx(3 / 4))
    assert found["af_error_above_5"] == pytest.approx((3 + 1 + 0 + 2) / 4 / 4)
    assert np.isnan(found["af_error_below_1"])
    assert found["positions_distance"] == pytest.approx(3 / 6)  # after the first site
    assert found["positions_distance_real"] == found["af_error_above_5_real"] == 0


def test_frequencies_fall_into_bins_by_held_out_people() -> None:
    def carried(counts: list[int]) -> Variants:
        calls = np.zeros((500, 2, len(counts)), dtype=np.int8)
        for site, count in enumerate(counts):
            calls.reshape(1000, -1)[:count, site] = 1
        return people(calls)

    found = measured("site_statistics", carried([5, 10, 50]), carried([9, 10, 50]), carried([0, 20, 80]))
    assert found["af_error_below_1"] == pytest.approx(0.009)
    assert found["af_error_1_to_5"] == pytest.approx(0.010)
    assert found["af_error_above_5"] == pytest.approx(0.030)
    assert found["af_error_below_1_real"] == pytest.approx(0.004)


def test_singletons_are_those_expected_in_fewer_people() -> None:
    from bench.metrics.variants.site_statistics import singletons

    some = people(stream(2).random((30, 2, 50)) < 0.05)
    carried = some.calls.sum(axis=(0, 1))
    assert singletons(some, 30) == pytest.approx((carried == 1).mean())
    drawn = [(some.calls.reshape(60, 50)[stream(i).permutation(60)[:20]].sum(axis=0) == 1).mean() for i in range(3000)]
    assert singletons(some, 10) == pytest.approx(np.mean(drawn), abs=0.005)


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_positions_are_compared_as_scipy_does(share: float) -> None:
    from bench.metrics.variants.site_statistics import positions_distance

    made = people(stream(9).random((40, 2, 12)) < share * np.linspace(0.2, 1, 12))
    real = people(stream(8).random((40, 2, 12)) < share)
    each = [np.repeat(some.positions, some.calls.sum(axis=(0, 1))) for some in (real, made)]
    assert positions_distance(real, made) == pytest.approx(stats.ks_2samp(*each).statistic)


# -- association studies -----------------------------------------------------------------------------------------------


def test_z_scores_are_those_of_a_correlation_test() -> None:
    from bench.metrics.variants.gwas import z_scores

    traits = stream(1).standard_normal((150, 2)) + TRAIN.genotypes[:, :2]
    found = z_scores(TRAIN.genotypes.astype(float), traits)
    for site, trait in ((0, 0), (1, 0), (1, 1), (30, 1)):
        r, p = stats.pearsonr(TRAIN.genotypes[:, site], traits[:, trait])
        assert 2 * stats.t.sf(abs(found[site, trait]), 148) == pytest.approx(p, rel=1e-6)
        assert np.sign(found[site, trait]) == np.sign(r)
    assert (z_scores(np.ones((9, 1)), stream(2).standard_normal((9, 1))) == 0).all()


def test_two_studies_are_compared_by_hand() -> None:
    from bench.metrics.variants.gwas import compared

    real = np.array([[9.0], [8.0], [-7.0], [0.1]])
    other = np.array([[9.0], [1.0], [7.0], [6.0]])
    found = compared(real, other)
    assert found["gwas_replicated"] == pytest.approx(1 / 3)  # one is not found, one has the other sign
    assert found["gwas_false"] == pytest.approx(1 / 3)
    assert found["gwas_r"] == pytest.approx(np.corrcoef(real[:, 0], other[:, 0])[0, 1])
    nothing = compared(np.zeros((4, 1)), np.zeros((4, 1)))
    assert all(np.isnan(value) for value in nothing.values())


def test_a_study_of_real_people_finds_what_one_of_broken_linkage_does_not() -> None:
    train, holdout = (haplotypes(800, who, sites=40, apart=0.3) for who in ("train", "holdout"))
    calls = np.stack([train.calls[stream(5, i).permutation(800), :, i] for i in range(40)], axis=2)
    found = measured("gwas", train, holdout, people(calls, sites=train.sites, y=train.y), causal=2)
    assert found["gwas_r_real"] > found["gwas_r"] + 0.03
    assert found["gwas_replicated_real"] > 0.5
    assert found["gwas_false_real"] < 0.1


def test_a_share_of_the_trait_is_heritable() -> None:
    from bench.metrics.variants.gwas import noise_of

    genetic = 3 * stream(1).standard_normal((500, 2))
    sd = noise_of(genetic, 0.3)
    np.testing.assert_allclose(genetic.var(axis=0) / (genetic.var(axis=0) + sd**2), 0.3)
    for wrong in ({"heritability": 1.0}, {"traits": 0}, {"causal": 0}):
        with pytest.raises(PluginError, match="heritability between 0 and 1"):
            measured("gwas", TRAIN, HOLDOUT, MADE, **wrong)


# -- relatives ---------------------------------------------------------------------------------------------------------


def invented(n: int, seed: int, n_sites: int = 3000) -> np.ndarray[Any, np.dtype[np.int8]]:
    return (stream(seed).random((n, 2, n_sites)) < 0.3).astype(np.int8)


def test_kinship_is_a_half_of_oneself_a_quarter_of_a_child_and_0_of_a_stranger() -> None:
    from bench.metrics.variants.relatives import gametes, kinship

    parents = invented(20, 1)
    rng = stream(3)
    children = np.stack([gametes(parents[:10], 3000.0, rng), gametes(parents[10:], 3000.0, rng)], axis=1)
    found = kinship(people(parents), people(children))
    for child in range(10):
        assert found[child, child] == pytest.approx(0.25, abs=0.05)
        assert found[child + 10, child] == pytest.approx(0.25, abs=0.05)
    assert np.median(found) == pytest.approx(0, abs=0.03)
    assert np.diag(kinship(people(parents), people(parents))) == pytest.approx([0.5] * 20)


def test_kinship_by_hand() -> None:
    from bench.metrics.variants.relatives import kinship

    one = people([[[0, 1, 1, 0], [1, 0, 1, 0]]])  # 1 1 2 0
    two = people([[[0, 1, 0, 1], [1, 1, 0, 0]]])  # 1 2 0 1
    assert kinship(one, two)[0, 0] == pytest.approx((1 - 2 * 1) / (2 * 2) + 0.5 - 4 / (4 * 2))
    assert kinship(one, people(np.zeros((1, 2, 4))))[0, 0] == -np.inf


def test_a_parent_hands_on_one_haplotype_and_changes_between_both() -> None:
    from bench.metrics.variants.relatives import gametes

    parents = np.stack([np.zeros((400, 50), np.int8), np.ones((400, 50), np.int8)], axis=1)
    whole = gametes(parents, 0.0, stream(1))
    assert set(whole.mean(axis=1)) == {0.0, 1.0}
    assert whole[:, 0].mean() == pytest.approx(0.5, abs=0.08)
    changed = gametes(parents, 5.0, stream(1))
    assert np.abs(np.diff(changed, axis=1)).sum(axis=1).mean() == pytest.approx(5, rel=0.1)
    counts = np.tile(np.array([0, 1, 2, -1], np.int8), (1000, 1))[:, None]
    np.testing.assert_allclose(gametes(counts, 1.0, stream(2)).mean(axis=0), [0, 0.5, 1, 0], atol=0.06)


@pytest.mark.parametrize("phased", [True, False])
def test_children_of_copied_people_are_found_and_those_of_others_are_not(phased: bool) -> None:
    train, holdout, others = (people(invented(80, seed, 120)) for seed in (1, 2, 3))
    if not phased:
        train, holdout, others = (unphased(some) for some in (train, holdout, others))
    copied, fresh = (
        measured("relatives", train, holdout, some.renamed(tuple(f"s{i}" for i in range(80))))
        for some in (train, others)
    )
    assert copied["children_auc"] > (0.95 if phased else 0.6)
    assert fresh["children_auc"] == pytest.approx(0.5, abs=0.08)
    assert copied["close_kin"] == 1
    assert max(fresh["close_kin"], fresh["close_kin_real"]) < 0.8  # 120 sites tell kin from strangers badly
