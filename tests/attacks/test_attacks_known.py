"""Each attack against an independent computation or a case worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bench.attacks import ensemble
from bench.attacks._classes import predicted_labels
from bench.attacks._distances import Distances, distances_within
from bench.attacks._losses import LEVELS, Surrogates
from bench.attacks._marginals import crowding, recovered_edges
from bench.attacks._spectra import RIDGES, sharpest_split, spectrum
from bench.attacks._structure import by_class
from bench.attacks._tracing import likeliest_noise, unexplained
from bench.attacks._worlds import WORLDS
from bench.attacks.domias_flow import CouplingFlow
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from scipy.stats import gaussian_kde, multivariate_normal, norm, zscore
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench import AttackView, PluginError
from bench.registry.finding import create, find, plugins
from bench.statistics.membership import auc, membership_measures


def _view(
    seed: int = 0, n_targets: int = 70, n_synthetic: int = 50, n_genes: int = 12, spread: float = 1.0
) -> AttackView:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(n_genes, n_genes))

    def people(n: int) -> np.ndarray:
        return (8 + spread * rng.normal(size=(n, n_genes)) @ mix).astype(np.float32)

    return AttackView(
        synthetic=people(n_synthetic),
        targets=people(n_targets),
        genes=tuple(f"g{i}" for i in range(n_genes)),
        synthetic_labels=rng.choice(["a", "b"], n_synthetic),
        target_labels=rng.choice(["a", "b"], n_targets),
        reference=people(40),
    )


def _score(name: str, view: AttackView, **params: object) -> np.ndarray:
    return create(find("attack", name), params).score(view, rng=np.random.default_rng(0))


def _same_order(one: np.ndarray, other: np.ndarray) -> None:
    assert np.array_equal(np.argsort(np.argsort(one)), np.argsort(np.argsort(other)))


# -- distance ----------------------------------------------------------------------------------------------------------


def test_distances_agree_with_scipy_also_far_from_the_origin_and_in_blocks(monkeypatch):
    view = _view()
    targets, others = view.targets + 1000, view.synthetic + 1000
    monkeypatch.setattr("bench.attacks._distances._BLOCK", 200)
    near, whose = Distances(targets, others).nearest(5)
    plain = cdist(targets.astype(float), others.astype(float), "sqeuclidean")
    assert np.allclose(near, np.sort(plain, axis=1)[:, :5], rtol=1e-9)
    assert np.array_equal(whose, np.argsort(plain, axis=1)[:, :5])
    assert np.array_equal(Distances(targets, others).count_below(60.0), (plain <= 60).sum(axis=1))


def test_nobody_is_his_own_neighbour_and_a_twin_is_at_distance_zero():
    people = _view().targets.copy()
    people[7] = people[3]
    near, whose = distances_within(people).nearest(1)
    assert near[7, 0] == pytest.approx(0, abs=1e-9)
    assert (whose[7, 0], whose[3, 0]) == (3, 7)


def test_a_matrix_changed_in_place_is_not_mistaken_for_the_old_one():
    view = _view()
    before = _score("gan_leaks", view)
    view.synthetic[:] = view.synthetic[::-1] * 2
    assert not np.allclose(before, _score("gan_leaks", view))


def test_gan_leaks_is_minus_the_squared_distance_and_its_official_form_underflows():
    view = _view(spread=8.0)
    squared = cdist(view.targets.astype(float), view.synthetic.astype(float), "sqeuclidean").min(axis=1)
    assert np.allclose(_score("gan_leaks", view), -squared)
    official = _score("gan_leaks_official", view)
    assert np.allclose(official, np.exp(-squared))
    assert (official == 0).sum() == (squared > 745.14).sum() > 5
    assert len(np.unique(_score("gan_leaks", view))) == len(view.targets)


def test_monte_carlo_counts_within_the_median_and_breaks_ties_by_nearness():
    view = _view()
    plain = cdist(view.targets.astype(float), view.synthetic.astype(float))
    radius = np.median(plain.min(axis=1))
    expected = sorted(range(len(plain)), key=lambda i: ((plain[i] <= radius).sum(), -plain[i].min()))
    assert np.argsort(_score("mc", view)).tolist() == expected
    assert np.allclose(_score("mc_official", view), (plain < radius).mean(axis=1))


def test_calibrated_gan_leaks_is_the_difference_of_squared_distances():
    view = _view()
    targets = view.targets.astype(float)
    to_synthetic = cdist(targets, view.synthetic.astype(float), "sqeuclidean").min(axis=1)
    to_reference = cdist(targets, view.reference.astype(float), "sqeuclidean").min(axis=1)
    assert np.allclose(_score("gan_leaks_cal", view), to_reference - to_synthetic)


def test_nearest_neighbour_ratio_compares_with_the_nearest_other_candidates():
    view = _view()
    targets = view.targets.astype(float)
    others = np.sort(cdist(targets, targets), axis=1)[:, 1:4]
    expected = np.log(others).mean(axis=1) - np.log(cdist(targets, view.synthetic.astype(float)).min(axis=1))
    assert np.allclose(_score("nn_ratio", view, k=3), expected, atol=1e-6)


def test_data_plagiarism_index_counts_the_synthetic_share_of_the_neighbourhood():
    view = _view()
    both = np.concatenate([view.synthetic, view.reference]).astype(float)
    nearest = np.argsort(cdist(view.targets.astype(float), both), axis=1)[:, :7]
    assert np.array_equal(np.floor(_score("dpi", view, k=7)), (nearest < len(view.synthetic)).sum(axis=1))


def test_neighbour_kde_is_the_ratio_of_two_scipy_densities():
    view = _view()
    mixed = np.log(cdist(view.targets.astype(float), view.synthetic.astype(float)).min(axis=1))
    others = np.log(cdist(view.reference.astype(float), view.synthetic.astype(float)).min(axis=1))
    expected = gaussian_kde(mixed).logpdf(mixed) - gaussian_kde(others).logpdf(mixed)
    assert np.allclose(_score("neighbour_kde", view), expected, atol=1e-6)


# -- density -----------------------------------------------------------------------------------------------------------


def test_domias_with_kernels_is_scipys_kde_on_the_principal_components_of_the_reference():
    view = _view()
    pca = PCA(3).fit(view.reference.astype(float))
    release, reference, targets = (
        pca.transform(x.astype(float)) for x in (view.synthetic, view.reference, view.targets)
    )
    expected = gaussian_kde(release.T).logpdf(targets.T) - gaussian_kde(reference.T).logpdf(targets.T)
    assert np.allclose(_score("domias_kde", view, n_axes=3), expected, atol=1e-6)


def test_domias_with_kernels_stays_finite_where_scipy_underflows():
    view = _view()
    far = AttackView(synthetic=view.synthetic, targets=view.targets * 100, genes=view.genes, reference=view.reference)
    assert np.isfinite(_score("domias_kde", far)).all()


def test_domias_with_gaussians_is_the_log_ratio_of_two_ledoit_wolf_normals():
    view = _view()
    release, reference = (LedoitWolf().fit(x.astype(float)) for x in (view.synthetic, view.reference))
    log_p = [
        multivariate_normal(model.location_, model.covariance_).logpdf(view.targets.astype(float))
        for model in (release, reference)
    ]
    difference = _score("domias_gaussian", view) - (log_p[0] - log_p[1])
    assert np.ptp(difference) < 1e-5  # equal up to a constant


def _two_normals(seed: int) -> tuple[AttackView, np.ndarray]:
    """Return 300 synthetic and 300 reference people of two shifted normals, and the true log density ratio."""
    rng = np.random.default_rng(seed)
    shifted = np.r_[np.full(2, 2.0), np.zeros(4)]
    synthetic, reference = rng.normal(size=(300, 6)) + shifted, rng.normal(size=(300, 6))
    targets = rng.normal(size=(200, 6)) + shifted * rng.integers(0, 2, size=(200, 1))
    view = AttackView(
        synthetic=synthetic.astype(np.float32),
        targets=targets.astype(np.float32),
        genes=tuple("abcdef"),
        reference=reference.astype(np.float32),
    )
    return view, targets @ shifted  # up to a constant


def test_logan_learns_which_of_two_normals_a_target_comes_from():
    view, truth = _two_normals(0)
    assert np.corrcoef(_score("logan", view, steps=150), truth)[0, 1] > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_domias_with_flows_finds_the_log_ratio_of_two_normals(seed):
    view, truth = _two_normals(seed)
    assert np.corrcoef(_score("domias_flow", view), truth)[0, 1] > 0.9


def test_the_density_of_a_coupling_flow_is_the_change_of_variables_written_out():
    draw = torch.Generator().manual_seed(0)
    flow = CouplingFlow(4, layers=3, hidden=8, draw=draw)
    for net in flow.nets:  # away from the identity that training starts at
        torch.nn.init.normal_(net[2].weight, generator=draw)
    points = torch.randn(5, 4, generator=draw)
    for point, found in zip(points, flow(points), strict=True):
        image, jacobian = _image_and_jacobian(flow, point)
        expected = multivariate_normal(np.zeros(4)).logpdf(image) + np.log(abs(np.linalg.det(jacobian)))
        assert found.item() == pytest.approx(expected, abs=1e-4)


def _image_and_jacobian(flow, point) -> tuple[np.ndarray, np.ndarray]:
    def images(x):
        return flow.images(x[None])[0][0]

    return images(point).detach().numpy(), torch.autograd.functional.jacobian(images, point).numpy()


def test_gen_lra_is_the_likelihood_ratio_of_the_neighbours_written_out():
    view = _view()
    pca = PCA(3, whiten=True).fit(view.reference.astype(float))
    release, reference, targets = (
        pca.transform(x.astype(float)) for x in (view.synthetic, view.reference, view.targets)
    )
    n, width = len(reference), len(reference) ** (-1 / 7)  # Scott: n ** (-1 / (d + 4)), d = 3

    def density(points: np.ndarray, people: np.ndarray) -> np.ndarray:
        kernels = np.exp(-0.5 * cdist(points, people, "sqeuclidean") / width**2)
        return kernels.sum(axis=1) / len(people) / (width * math.sqrt(2 * math.pi)) ** 3

    scores = _score("gen_lra", view, k=4, n_axes=3)
    for i in range(5):
        near = release[np.argsort(cdist(targets[[i]], release)[0])[:4]]
        with_target = np.concatenate([reference, targets[[i]]])
        expected = np.log(density(near, with_target) / density(near, reference)).sum()
        assert scores[i] == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert n == 40


# -- structure ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_genes", [12, 80])
def test_ridge_mahalanobis_equals_the_inverse_written_out_with_more_and_with_fewer_genes_than_people(n_genes):
    view = _view(n_genes=n_genes)
    axes = spectrum(view.synthetic)
    assert axes.full == (n_genes == 12)
    covariance = np.cov(view.synthetic.astype(float), rowvar=False)
    added = 0.01 * axes.variances.mean()
    centred = view.targets - view.synthetic.mean(axis=0, dtype=float)
    squared = np.einsum("ij,ij->i", centred, np.linalg.solve(covariance + added * np.eye(n_genes), centred.T).T)
    assert np.allclose(axes.squared_distance(view.targets, added), squared, rtol=1e-6)
    freedom = (axes.variances / (axes.variances + added)).sum()
    assert np.allclose(axes.ridge_path(view.targets, (0.01,))[:, 0], -np.log(squared / freedom), rtol=1e-5)


def test_mahalanobis_takes_the_ridge_whose_best_threshold_leaves_least_variance_within_the_two_groups():
    rng, view = np.random.default_rng(0), _view(n_genes=80)
    centred = view.synthetic - view.synthetic.mean(axis=0)
    targets = view.targets.copy()
    targets[:35] = view.synthetic.mean(axis=0) + rng.normal(size=(35, 50)) @ centred / 7  # in the span: members
    view = replace(view, targets=targets)
    paths = [spectrum(view.synthetic).ridge_path(targets, (ridge,))[:, 0] for ridge in RIDGES]

    def left_within(scores: np.ndarray) -> float:
        ordered = np.sort(scores)
        cuts = range(2, 68)  # at least 2 % on each side
        return min(k * ordered[:k].var() + (70 - k) * ordered[k:].var() for k in cuts) / (70 * scores.var())

    best = paths[int(np.argmin([left_within(path) for path in paths]))]
    scores = _score("mahalanobis", view)
    assert np.ptp(scores - best) < 1e-9  # equal up to the threshold, which is put at 0
    assert (scores[:35] > 0).all()
    assert (scores[35:] < 0).all()


def test_ledoit_wolf_attack_orders_as_scikit_learns_distance():
    view = _view(n_genes=30)
    _same_order(
        _score("mahalanobis_ledoit_wolf", view),
        -LedoitWolf().fit(view.synthetic.astype(float)).mahalanobis(view.targets.astype(float)),
    )


def test_mahalanobis_ratio_leaves_each_target_out_of_the_candidates_covariance():
    view = _view(n_genes=8)
    targets, ridge = view.targets.astype(float), 0.05
    mean, covariance = targets.mean(axis=0), np.cov(targets, rowvar=False)
    added = ridge * np.trace(covariance) / 8
    release = np.cov(view.synthetic.astype(float), rowvar=False) + added * np.eye(8)
    scores = _score("mahalanobis_ratio", view, ridge=ridge)
    for i in range(5):
        x = targets[i] - mean
        n = len(targets)
        without = covariance - n / (n - 1) ** 2 * np.outer(x, x) + added * np.eye(8)
        to_release = targets[i] - view.synthetic.mean(axis=0, dtype=float)
        expected = math.log(x @ np.linalg.solve(without, x)) - math.log(
            to_release @ np.linalg.solve(release, to_release)
        )
        assert scores[i] == pytest.approx(expected, rel=1e-5)


def test_span_residual_is_the_least_squares_remainder():
    view = _view(n_genes=80)
    mean = view.synthetic.mean(axis=0, dtype=float)
    span, centred = (view.synthetic - mean).T, (view.targets - mean).T
    rest = centred - span @ np.linalg.lstsq(span, centred, rcond=None)[0]
    share = (rest**2).sum(axis=0) / (centred**2).sum(axis=0)
    difference = _score("span_residual", view) + np.log(share)
    assert np.ptp(difference) < 1e-6  # equal up to where the split is put


def test_span_residual_says_nothing_where_the_span_is_everything():
    assert np.array_equal(_score("span_residual", _view(n_genes=12)), np.zeros(70))


def test_low_variance_is_what_the_leading_components_leave():
    view = _view(n_genes=20)
    pca = PCA(18).fit(view.synthetic.astype(float))
    rebuilt = pca.inverse_transform(pca.transform(view.targets.astype(float)))
    expected = -np.log(((view.targets - rebuilt) ** 2).sum(axis=1))
    assert np.allclose(_score("low_variance", view), expected, rtol=1e-5)


def test_the_sharpest_split_finds_the_column_with_two_groups_and_its_threshold():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=200), np.r_[rng.normal(0, 0.1, 150), rng.normal(5, 0.1, 50)]
    column, threshold, clear = sharpest_split(np.array([one, two]).T)
    assert column == 1
    assert 0.4 < threshold < 4.6
    assert clear > 0.98
    assert sharpest_split(one[:, None])[2] < 0.75


def test_class_attacks_equal_the_attack_run_on_each_class_alone():
    view = _view(n_genes=80)
    whole = _score("span_residual_class", view)
    for label in "ab":
        own, theirs = view.synthetic_labels == label, view.target_labels == label
        alone = AttackView(synthetic=view.synthetic[own], targets=view.targets[theirs], genes=view.genes)
        assert np.allclose(whole[theirs], _score("span_residual", alone))
    assert np.isfinite(_score("mahalanobis_class", view)).all()


@pytest.mark.parametrize("name", ["mahalanobis", "mahalanobis_ratio", "marginal_ratio"])
def test_other_class_attacks_equal_the_attack_run_on_each_class_alone_and_centred(name):
    view = _view(n_genes=80)
    whole = _score(f"{name}_class", view, **({"ridge": 1e-3} if name == "mahalanobis_ratio" else {}))
    for label in "ab":
        own, theirs = view.synthetic_labels == label, view.target_labels == label
        alone = AttackView(synthetic=view.synthetic[own], targets=view.targets[theirs], genes=view.genes)
        assert np.ptp(whole[theirs] - _score(name, alone)) < 1e-9


def test_a_class_that_the_release_lacks_meets_the_whole_release():
    sizes = []

    def scorer(synthetic: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, float]:
        sizes.append(len(synthetic))
        return np.zeros(len(targets)), 0.0

    view = _view()
    labels = np.where(np.arange(70) < 5, "unknown", "a")
    by_class(scorer, view.synthetic, np.repeat("a", 50), view.targets, labels)
    assert sizes == [50, 50]


def test_predicted_labels_find_classes_that_are_apart():
    rng = np.random.default_rng(0)
    truth, centres = rng.integers(3, size=90), 6 * rng.normal(size=(3, 20))
    people = (centres[truth] + rng.normal(size=(90, 20))).astype(np.float32)
    own, theirs = predicted_labels(people[:60], people[60:], 3)
    both = np.append(own, theirs)
    assert len({(a, b) for a, b in zip(both, truth, strict=True)}) == 3


def test_blind_attacks_equal_the_plain_ones_with_one_cluster():
    view = _view(n_genes=80)
    assert np.allclose(_score("span_residual_blind", view, clusters=(1,)), _score("span_residual", view))
    assert np.allclose(_score("mahalanobis_blind", view, clusters=(1,)), _score("mahalanobis", view))


def test_crowding_of_a_small_case_worked_by_hand():
    values = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
    # 1.5 lies between 1 and 2 (gap 1), one further between 0 and 4 (gap 4); 3.0: 2 to 4 (gap 2), 1 to 8 (gap 7);
    # 20.0 is 12 beyond the largest value, whatever gap it is compared with
    found = crowding(values, np.array([1.5, 3.0, 20.0]), 1, 2)
    assert np.allclose(found, np.log([4 / 1, 7 / 2, 12 / 12]), atol=1e-5)


def test_quantile_support_is_the_mean_crowding_over_genes():
    view = _view(n_genes=3)
    values = np.sort(view.synthetic.astype(float), axis=0)
    one = np.mean([crowding(values[:, g], view.targets[[9], g].astype(float), 1, 6)[0] for g in range(3)])
    assert _score("quantile_support", view, around=6)[9] == pytest.approx(one)


def test_gene_range_counts_extremes_held_and_values_outside():
    synthetic = np.array([[0, 5, 1], [2, 7, 1], [1, 6, 1]], dtype=np.float32)  # the third gene is constant
    targets = np.array([[2, 6, 1], [1, 6, 1], [3, 6, 1], [3, 4, 1]], dtype=np.float32)
    scores = _score("gene_range", AttackView(synthetic=synthetic, targets=targets, genes=("a", "b", "c")))
    # holds the largest of the first gene; inside; half a range outside one gene; half a range outside each of two
    assert np.allclose(scores, [1, 0, -1 - 0.5 / 1.5, -2 - 1 / 2])


def test_value_gaps_counts_the_released_values_that_a_target_alone_is_nearest_to():
    synthetic = np.array([[0], [5], [5], [9.9], [20]], dtype=np.float32)  # four values
    targets = np.array([[1], [4], [6], [10], [10], [12]], dtype=np.float32)
    # 0 is below all: the first; 5 lies half way: nobody; 9.9: two who are equal share it; 20 is above all: the last
    scores = _score("value_gaps", AttackView(synthetic=synthetic, targets=targets, genes=("a",)))
    assert scores.tolist() == [-1, 0, 0, -0.5, -0.5, -1]
    asked = AttackView(synthetic=synthetic[1:2], targets=targets - [[0], [0], [0.5], [0], [0], [0]], genes=("a",))
    assert _score("value_gaps", asked).tolist() == [0, 0, -1, 0, 0, 0]  # 0.5 above against 1 below


def test_value_gaps_finds_those_whom_released_values_keep_away_from_and_those_they_repeat():
    rng = np.random.default_rng(0)
    people = rng.normal(8, 2, (400, 60)).astype(np.float32)
    member = np.arange(400) < 300
    held = np.sort(people[member], axis=0)
    widest = np.argsort(np.diff(held, axis=0), axis=0)[-20:]
    between = np.take_along_axis(held[1:] + held[:-1], widest, axis=0) / 2
    for synthetic, least in ((between, 0.95), (people[:60], 0.0)):
        view = AttackView(synthetic=synthetic.astype(np.float32), targets=people, genes=tuple(map(str, range(60))))
        found = auc(_score("value_gaps", view), member).value
        assert found > least if least else found < 0.45  # copied values: the other sign


def test_label_share_is_the_share_of_the_release_with_the_label_of_the_target():
    view = replace(_view(n_targets=3, n_synthetic=4), synthetic_labels=np.array(["a", "b", "a", "a"]))
    asked = replace(view, target_labels=np.array(["a", "b", "c"]))
    assert _score("label_share", asked).tolist() == [0.75, 0.25, 0.0]


def test_edges_of_a_discretised_gene_are_recovered_from_the_means_of_its_bins():
    rng = np.random.default_rng(0)
    members, population = rng.normal(size=4000), np.sort(rng.normal(size=4000))
    true_edges = np.quantile(members, [0.1, 0.5, 0.75])
    bins = np.searchsorted(true_edges, members)
    means = np.array([members[bins == b].mean() for b in range(4)])
    assert np.allclose(recovered_edges(np.sort(means[bins]), population, 16), true_edges, atol=0.1)


def test_edges_of_a_grid_lie_half_way_and_keep_each_value_in_its_own_bin():
    population = np.sort(np.random.default_rng(0).integers(0, 3, size=50)).astype(float)  # genotypes
    assert recovered_edges(np.array([0.0, 0.0, 1.0, 2.0]), population, 16).tolist() == [0.5, 1.5]


def test_marginal_ratio_of_one_binary_gene_worked_by_hand():
    synthetic, targets = np.array([[0], [0], [0], [1]], np.float32), np.array([[0], [1], [0], [1]], np.float32)
    scores = _score("marginal_ratio", AttackView(synthetic=synthetic, targets=targets, genes=("a",)), prior=1.0)
    # the release: 3 + 1 and 1 + 1 of 6; the candidates: 2 + 1 and 2 + 1 of 6
    assert np.allclose(scores, np.log([4 / 3, 2 / 3, 4 / 3, 2 / 3]))


def test_marginal_ratio_by_class_is_centred_in_each_class():
    view = _view()
    scores = _score("marginal_ratio_class", view)
    assert [scores[view.target_labels == label].mean() for label in "ab"] == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.parametrize("n_genes", [12, 90], ids=["more people than genes", "more genes than people"])
def test_tracing_is_the_whitened_product_with_the_shift_of_the_class_mean(n_genes: int) -> None:
    view = _view(n_genes=n_genes)
    x, labels = view.targets.astype(float), view.target_labels
    means = {k: x[labels == k].mean(axis=0) for k in "ab"}
    centred = x - np.array([means[k] for k in labels])
    covariance = centred.T @ centred / (len(x) - 1)
    covariance += 0.3 * np.trace(covariance) / n_genes * np.eye(n_genes)
    expected = np.empty(len(x))
    for k in "ab":
        shift = view.synthetic[view.synthetic_labels == k].astype(float).mean(axis=0) - means[k]
        expected[labels == k] = zscore((centred @ np.linalg.solve(covariance, shift))[labels == k])
    assert np.allclose(_score("tracing", view, ridge=0.3), expected, atol=2e-3)


def test_tracing_finds_members_in_nothing_but_exact_class_means() -> None:
    rng = np.random.default_rng(0)
    people, labels = rng.normal(size=(400, 200)).astype(np.float32), np.repeat(["a", "b"], 200)
    member = np.tile([True, False], 200)
    means = np.array([people[(labels == k) & member].mean(axis=0) for k in "ab"])
    release = np.repeat(means, 2, axis=0) + np.tile([[0.5], [-0.5]], (2, 200)).astype(np.float32)
    view = AttackView(
        synthetic=release, targets=people, genes=tuple(map(str, range(200))),
        synthetic_labels=np.repeat(["a", "b"], 2), target_labels=labels,
    )  # fmt: skip
    scores = _score("tracing", view)
    assert membership_measures(scores, member)[0].value > 0.8
    outsiders = replace(view, targets=rng.normal(size=(400, 200)).astype(np.float32))
    assert abs(membership_measures(_score("tracing", outsiders), member)[0].value - 0.5) < 0.1


def test_tracing_says_nothing_of_classes_without_a_release_or_with_one_candidate_and_of_equal_people() -> None:
    view = _view()
    labels = view.target_labels.astype("<U8")
    labels[:5], labels[5] = "nowhere", "alone"
    own = np.where(np.arange(len(view.synthetic)) == 0, "alone", view.synthetic_labels.astype("<U8"))
    scores = _score("tracing", replace(view, target_labels=labels, synthetic_labels=own))
    assert np.isfinite(scores).all()
    assert scores[:6].tolist() == [0] * 6
    strangers = replace(view, synthetic_labels=np.full(len(view.synthetic), "z"))
    assert _score("tracing", strangers).tolist() == [0] * len(view.targets)
    equal = replace(view, targets=np.ones_like(view.targets))
    assert _score("tracing", equal).tolist() == [0] * len(view.targets)


@pytest.mark.parametrize("n_genes", [40, 90], ids=["more people than genes", "more genes than people"])
def test_noisy_sum_ratio_is_the_likelihood_ratio_of_what_the_class_means_leave_unexplained(n_genes: int) -> None:
    view = _view(n_genes=n_genes)
    units = StandardScaler().fit(view.targets.astype(float))
    x, synthetic = (np.clip(units.transform(a.astype(float)), -2.5, 2.5) for a in (view.targets, view.synthetic))
    labels, own = view.target_labels, view.synthetic_labels
    means = {k: x[labels == k].mean(axis=0) for k in "ab"}
    centred = x - np.array([means[k] for k in labels])
    covariance = centred.T @ centred / (len(x) - 1)
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = variances[variances > 1e-9], axes[:, variances > 1e-9]
    for k in "ab":
        released = synthetic[own == k].mean(axis=0)
        rest = released - LinearRegression().fit(np.array(list(means.values())).T, released).predict(
            np.array(list(means.values())).T
        )
        seen = rest @ axes

        def surprise(log: np.ndarray, seen: np.ndarray = seen) -> float:
            return -norm.logpdf(seen, scale=np.sqrt(np.exp(log[0]) + np.exp(log[1]) * variances)).sum()

        level, multiple = np.exp(minimize(surprise, [0.0, 0.0], method="Nelder-Mead").x)
        noise = axes @ np.diag(level + multiple * variances) @ axes.T
        expected = centred[labels == k] @ np.linalg.pinv(noise) @ rest / (own == k).sum()
        found = _score("noisy_sum_ratio", view)[labels == k]
        assert np.corrcoef(found, expected)[0, 1] > 0.999
        assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(expected), rel=0.1)


def test_noisy_sum_ratio_sees_through_noise_and_shrinkage_that_hide_members_from_tracing() -> None:
    rng = np.random.default_rng(0)
    labels, member = np.repeat(["a", "b", "c"], 100), np.tile([True, False], 150)
    places = rng.normal(size=(3, 600))
    people = np.repeat(places, 100, axis=0) + rng.normal(size=(300, 600)) * rng.lognormal(sigma=1, size=600)
    people = people.astype(np.float32)
    means = np.array([people[(labels == k) & member].mean(axis=0) for k in "abc"])
    noisy = means + 0.3 * people.std(axis=0) * rng.normal(size=means.shape)
    release = 0.5 * noisy + 0.5 * noisy.mean(axis=0)
    view = AttackView(
        synthetic=release.astype(np.float32), targets=people, genes=tuple(map(str, range(600))),
        synthetic_labels=np.array(["a", "b", "c"]), target_labels=labels,
    )  # fmt: skip
    found = {name: membership_measures(_score(name, view), member)[0].value for name in ("noisy_sum_ratio", "tracing")}
    assert found["noisy_sum_ratio"] > found["tracing"] + 0.05
    assert found["noisy_sum_ratio"] > 0.65


def test_noisy_sum_ratio_says_nothing_of_classes_without_a_release_and_of_equal_people() -> None:
    view = _view()
    labels = view.target_labels.astype("<U8")
    labels[:5], labels[5] = "nowhere", "alone"
    own = np.where(np.arange(len(view.synthetic)) == 0, "alone", view.synthetic_labels.astype("<U8"))
    scores = _score("noisy_sum_ratio", replace(view, target_labels=labels, synthetic_labels=own))
    assert np.isfinite(scores).all()
    assert scores[:6].tolist() == [0] * 6
    strangers = replace(view, synthetic_labels=np.full(len(view.synthetic), "z"))
    assert _score("noisy_sum_ratio", strangers).tolist() == [0] * len(view.targets)
    equal = replace(view, targets=np.ones_like(view.targets))
    assert _score("noisy_sum_ratio", equal).tolist() == [0] * len(view.targets)


def test_noisy_sum_ratio_blind_averages_the_likelihood_ratios_of_predicted_classes() -> None:
    view = _view(n_genes=40)
    expected = np.zeros(len(view.targets))
    for number in (1, 2):
        own, theirs = predicted_labels(view.synthetic, view.targets, number)
        labelled = replace(view, synthetic_labels=own.astype(str), target_labels=theirs.astype(str))
        expected += zscore(_score("noisy_sum_ratio", labelled)) / 2
    blind = replace(view, synthetic_labels=None, target_labels=None)
    assert np.allclose(_score("noisy_sum_ratio_blind", blind, clusters=(1, 2)), expected)


def test_noisy_sum_ratio_blind_finds_members_in_means_of_small_groups_without_labels() -> None:
    rng = np.random.default_rng(0)
    places = 2 * rng.normal(size=(8, 150))
    people = (np.repeat(places, 40, axis=0) + rng.normal(size=(320, 150))).astype(np.float32)
    member = np.tile([True, False], 160)
    means = np.array([people[40 * k : 40 * k + 40][::2].mean(axis=0) for k in range(8)])
    release = (np.repeat(means, 10, axis=0) + 0.1 * rng.normal(size=(80, 150))).astype(np.float32)
    view = AttackView(synthetic=release, targets=people, genes=tuple(map(str, range(150))))
    scores = _score("noisy_sum_ratio_blind", view, clusters=(8,))
    assert membership_measures(scores, member)[0].value > 0.9
    outsiders = np.repeat(places, 40, axis=0) + rng.normal(size=(320, 150))
    strangers = _score("noisy_sum_ratio_blind", replace(view, targets=outsiders.astype(np.float32)), clusters=(8,))
    assert abs(membership_measures(strangers, member)[0].value - 0.5) < 0.1


def test_the_likeliest_noise_is_found_again_and_none_where_nothing_is_seen() -> None:
    variances = np.geomspace(0.01, 30, 4000)
    true = 2.0 + 0.5 * variances
    seen = np.random.default_rng(0).normal(size=4000) * np.sqrt(true)
    assert np.allclose(likeliest_noise(seen, variances), true, rtol=0.2)
    assert likeliest_noise(np.zeros(3), np.ones(3)).tolist() == [0, 0, 0]


def test_what_is_unexplained_is_the_part_that_class_means_do_not_make() -> None:
    rng = np.random.default_rng(0)
    means, own = rng.normal(size=(2, 5000)), rng.normal(size=(2, 5000))
    mixed = np.array([[0.5, 0.2], [0.1, -0.4]]) @ means + 3
    assert np.allclose(unexplained(mixed, means), 0, atol=1e-9)
    assert np.allclose(unexplained(mixed + own, means), own, atol=0.2)
    few = means[:, :29]  # fewer than ten genes for each of three coefficients
    assert np.allclose(unexplained(few, few), few - few.mean(axis=1, keepdims=True))


# -- model -------------------------------------------------------------------------------------------------------------


def test_confidence_is_the_log_odds_of_the_own_class():
    view = _view(n_synthetic=200)
    scaler = StandardScaler().fit(view.synthetic.astype(float))
    model = LogisticRegression(max_iter=5000, tol=1e-8).fit(
        scaler.transform(view.synthetic.astype(float)), view.synthetic_labels
    )
    of_b = model.decision_function(scaler.transform(view.targets.astype(float)))
    expected = np.where(view.target_labels == "b", of_b, -of_b)
    assert np.allclose(_score("confidence", view), expected, atol=0.01)


def test_a_target_that_is_beyond_doubt_has_a_finite_confidence_and_the_largest():
    rng = np.random.default_rng(1)
    labels = np.array(["a", "b"] * 20)
    made = np.where(labels == "a", -3.0, 3.0)[:, None] + rng.normal(size=(40, 3))
    asked = np.array([[-3.0, -3, -3], [3.0, 3, 3], [1e6, 1e6, 1e6]])
    view = AttackView(
        synthetic=made, targets=asked, genes=("A", "B", "C"), synthetic_labels=labels,
        target_labels=np.array(["a", "b", "b"]),
    )  # fmt: skip
    scores = _score("confidence", view)
    assert np.isfinite(scores).all()
    assert scores.argmax() == 2


def test_surrogate_loss_is_the_scaled_difference_of_losses_of_the_release_and_of_the_candidates():
    view = _view()
    scores = _score("surrogate_loss", view, steps=3)
    draw = np.random.default_rng(0)
    order = np.argsort(view.targets @ draw.standard_normal(12))
    models = Surrogates(targets=view.targets[order], seed=int(draw.integers(2**31)), steps=3)
    gain = models.losses(view.synthetic) - models.losses(view.targets[order])
    levels, bound = zscore(gain[:, : len(LEVELS)], axis=0), zscore(gain[:, len(LEVELS) :].sum(axis=1))
    assert np.allclose(scores[order], levels.mean(axis=1) + bound, atol=1e-6)


# -- ensemble ----------------------------------------------------------------------------------------------------------


def test_an_ensemble_of_one_attack_orders_as_that_attack(monkeypatch):
    rng = np.random.default_rng(0)
    people = rng.normal(size=(80, 30)).astype(np.float32)
    release = people[:60] + 0.3 * rng.normal(size=(60, 30)).astype(np.float32)
    view = AttackView(synthetic=release, targets=people, genes=tuple(f"g{i}" for i in range(30)))
    monkeypatch.setattr(ensemble, "STACKED", (create(find("attack", "gan_leaks")),))
    _same_order(_score("ensemble", view), _score("gan_leaks", view))


def test_the_features_of_the_ensemble_are_normal_scores_and_ties_give_zero():
    raw = np.array([[3.0, 5.0], [1.0, 5.0], [2.0, 5.0], [9.0, 5.0]])
    found = ensemble._features(raw)
    assert np.allclose(found[:, 0], norm.ppf([5 / 8, 1 / 8, 3 / 8, 7 / 8]))
    assert np.allclose(found[:, 1], 0)


def test_the_ensemble_trusts_the_world_that_looks_most_like_the_release(monkeypatch):
    rng = np.random.default_rng(0)
    people = rng.normal(size=(80, 120)).astype(np.float32)
    mean = people[:60].mean(axis=0)
    release = mean + rng.normal(size=(60, 60)) @ (people[:60] - mean) * np.sqrt(1.5 / 59)  # as the Gaussian world
    view = AttackView(synthetic=release.astype(np.float32), targets=people, genes=tuple(map(str, range(120))))
    both = _score("ensemble", view)
    monkeypatch.setattr(ensemble, "WORLDS", (WORLDS[0],))
    alone = _score("ensemble", view)
    assert np.corrcoef(both, alone)[0, 1] > 0.95


# -- what a view lacks, and wrong parameters ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gan_leaks_cal", "dpi", "domias_kde", "domias_flow", "logan"])
def test_an_attack_without_its_reference_says_what_to_do(name):
    view = _view()
    bare = AttackView(synthetic=view.synthetic, targets=view.targets, genes=view.genes)
    with pytest.raises(PluginError, match=f"{name!r} needs a reference set.*Set a share"):
        _score(name, bare)


@pytest.mark.parametrize("name", ["mahalanobis_class", "span_residual_class", "confidence", "marginal_ratio_class"])
def test_an_attack_without_labels_says_what_to_do(name):
    view = _view()
    bare = AttackView(synthetic=view.synthetic, targets=view.targets, genes=view.genes)
    with pytest.raises(PluginError, match=f"{name!r} needs the class labels"):
        _score(name, bare)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("mc", {"quantile": 2.0}),
        ("nn_ratio", {"k": 0}),
        ("dpi", {"k": 1000}),
        ("low_variance", {"share": 0.0}),
        ("value_gaps", {"nearer": 0.0}),
        ("quantile_support", {"near": 9, "around": 3}),
        ("mahalanobis_ratio", {"ridge": 0.0}),
        ("ensemble", {"share": 1.0}),
    ],
)
def test_a_wrong_parameter_is_an_error_that_names_it(name, params):
    with pytest.raises(PluginError, match="expected"):
        _score(name, _view(), **params)


def test_the_page_of_attacks_has_a_section_for_each_with_its_access_and_parameters():
    docs = Path(__file__).parents[2] / "docs"
    pages = {"data": "attacks.md", "model": "classifiers.md", "variants": "variants.md"}
    for name, info in plugins("attack").items():
        about = "variants" if info.modalities == ("variants",) else info.released
        page = (docs / pages[about]).read_text(encoding="utf-8")
        section = page.split(f"\n## `{name}`\n")[1].split("\n## ")[0]
        assert section.lstrip().startswith(f"*{info.option('access', 'black-box')}"), name
        assert info.summary.replace("``", "`") in section, name
        assert all(f"`{key}={value}`" in section for key, value in info.params.items()), name
