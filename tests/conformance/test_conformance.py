"""Every plugin keeps the contract the day it lands, and the checks notice those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.conformance.plugins import CHECKS, Check, check_plugin, checks_of
from bench.registry.declarations import KINDS, PluginInfo
from bench.registry.finding import add_plugin_file, missing_needs, plugins

ADAPTED = {"sdv", "synthcity"}  # their libraries are in no environment of the tests
SLOW = {"shadow_meta"}  # trains thirty generators in each check
HEAVY = {"wgan_gp", "ctgan", "shadow_calibrated", "domias_flow", "hybrid"}  # train networks: a second time in full only
TWICE = {"refit_replaces", "same_stream_same_sample", "order_of_targets_is_free"}


def takes_long(info: PluginInfo, check: Check) -> bool:
    return info.name in SLOW or (info.name in HEAVY and check.__name__ in TWICE)


EVERYTHING = [
    pytest.param(
        info, check, id=f"{info.kind}-{info.name}-{check.__name__}", marks=[pytest.mark.full] * takes_long(info, check)
    )
    for kind in KINDS
    for info in plugins(kind).values()
    for check in checks_of(info)
]


@pytest.mark.parametrize(("info", "check"), EVERYTHING)
def test_a_plugin_keeps_the_contract(info: PluginInfo, check: Check) -> None:
    if info.name in ADAPTED and (reason := missing_needs(info)):
        pytest.skip(f"{reason}; test_adapters.py runs the adapter on a stand-in")
    check(info)


HEAD = """
import random
from dataclasses import dataclass
import numpy as np
from bench import AttackView, Cohort, Measure, attack, generator, metric

"""
GENERATOR = '''
@generator("{name}")
@dataclass(kw_only=True)
class Planted:
    """Draw training samples."""

    size: int = 1

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        rows = rng.integers(len(self.cohort_), size=n)
        return self.cohort_.synthetic(self.cohort_.X[rows], self.cohort_.y[rows])
'''
METRIC = '''
@metric("{name}", family="fidelity", measures=(Measure("planted_distance", "lower", 0),))
@dataclass(kw_only=True)
class Planted:
    """Return the distance of the means."""

    def __call__(self, train, holdout, synthetic, *, rng):
        return {"planted_distance": float(np.abs(synthetic.X.mean(0) - train.X.mean(0)).mean())}
'''
ATTACK = '''
@attack("{name}")
@dataclass(kw_only=True)
class Planted:
    """Score by the nearest synthetic sample."""

    def score(self, view, *, rng):
        return -np.array([((view.synthetic - x) ** 2).sum(1).min() for x in view.targets], dtype=float)
'''
LAST = "self.cohort_.synthetic(self.cohort_.X[rows], self.cohort_.y[rows])"
FAULTS = [
    (GENERATOR, "return self\n", "return None\n", "fit_returns_self"),
    (GENERATOR, "self.cohort_ = cohort\n", "self.cohort_ = cohort if not hasattr(self, 'cohort_') else self.cohort_\n", "refit_replaces"),
    (GENERATOR, "rng.integers(len(self.cohort_), size=n)", "np.random.randint(0, len(self.cohort_), n)", "same_stream_same_sample"),
    (GENERATOR, "rng.integers(len", "np.random.default_rng(0).integers(len", "another_stream_another_sample"),
    (GENERATOR, "size=n", "size=60", "sample_has_the_asked_size"),
    (GENERATOR, LAST, "self.cohort_.synthetic(self.cohort_.X[rows], np.array(['z'] * n))", "sample_has_the_asked_size"),
    (GENERATOR, LAST, LAST.replace(".X[rows]", ".X[rows] * np.nan"), "sample_has_the_asked_size"),
    (
        GENERATOR,
        LAST,
        "Cohort(X=self.cohort_.X[rows], y=self.cohort_.y[rows], genes=sorted(self.cohort_.genes), "
        "samples=[str(i) for i in range(n)], units='log2')",
        "sample_has_the_asked_size",
    ),
    (GENERATOR, "self.cohort_ = cohort\n", "self.cohort_ = cohort; assert min(np.unique(cohort.y, return_counts=True)[1]) > 3\n", "a_class_of_three"),
    (GENERATOR, "    def sample", "    def claim(self):\n        return 'private'\n\n    def sample", "claims_are_data"),
    (METRIC, '"planted_distance", "lower"', '"planted_distance", "higher"', "worse_data_score_worse"),
    (METRIC, '{"planted_distance":', '{"other":', "measures_what_it_declares"),
    (METRIC, ".mean())}", ".mean()) - 99}", "measures_what_it_declares"),
    (METRIC, "synthetic.X.mean(0)", "synthetic.X[0]", "order_of_rows_is_free"),
    (METRIC, "return {", "assert len(synthetic) > 1; return {", "degenerate_input_is_nan"),
    (ATTACK, "return -", "return +", "finds_verbatim_copies"),
    (ATTACK, "for x in view.targets]", "for x in view.targets[::-1]]", "order_of_targets_is_free"),
    (ATTACK, "view.targets]", "view.targets[1:]]", "silent_without_signal"),
]  # fmt: skip


@pytest.mark.parametrize("text", [GENERATOR, METRIC, ATTACK])
def test_a_plugin_without_fault_passes_every_check(tmp_path: Path, text: str) -> None:
    assert [f for f in check_plugin(planted(tmp_path, text)) if f.problem] == []


@pytest.mark.parametrize(("text", "old", "new", "check"), FAULTS, ids=[f"{i}-{f[3]}" for i, f in enumerate(FAULTS)])
def test_a_planted_fault_is_found_by_its_check(tmp_path: Path, text: str, old: str, new: str, check: str) -> None:
    assert old in text
    info = planted(tmp_path, text.replace(old, new))
    titles = {(c.__doc__ or "").strip().rstrip("."): c.__name__ for c in CHECKS[info.kind]}
    assert check in {titles[f.check] for f in check_plugin(info) if f.problem}


def planted(folder: Path, text: str) -> PluginInfo:
    name = f"planted_{abs(hash((str(folder), text)))}"
    path = folder / f"{name}.py"
    path.write_text(HEAD + text.replace("{name}", name))
    return add_plugin_file(path)
