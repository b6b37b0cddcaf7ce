"""The contract of generators, metrics and attacks, as checks that say in words what is wrong.

`bench check NAME` and the tests run the same list. Passing proves that a plugin keeps the contract, not that its method
is right: every metric and attack also has a known-answer test.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable, Iterator

from bench.conformance import attacks as attack_checks
from bench.conformance import generators as generator_checks
from bench.conformance import metrics as metric_checks
from bench.conformance import models as model_checks
from bench.conformance.example_cohorts import people
from bench.conformance.findings import Finding, observe
from bench.core.errors import PluginError
from bench.registry.declarations import Kind, PluginInfo
from bench.registry.finding import create

__all__ = ["CHECKS", "Check", "Finding", "check_plugin", "people"]
Check = Callable[[PluginInfo], None]


def check_plugin(info: PluginInfo) -> Iterator[Finding]:
    """Yield the finding of every check of a plugin's kind; nothing after the first if the plugin cannot be made."""
    for check in checks_of(info):
        finding = observe(check, info, info.path)
        yield finding
        if finding.problem and check is it_can_be_made:
            return


def checks_of(info: PluginInfo) -> tuple[Check, ...]:
    """Return the checks of a plugin: those of its kind, or of its kind where a model is released."""
    checks = MODEL_CHECKS[info.kind] if info.released == "model" else CHECKS[info.kind]
    left_out = {attack_checks.finds_verbatim_copies} if info.option("for_audits", False) else set()
    return tuple(check for check in checks if check not in left_out)


def it_can_be_made(info: PluginInfo) -> None:
    """It can be imported and made, and its methods take what the harness hands them."""
    made = create(info)
    for method, (positional, keywords) in info.handed.items():
        wanted = f"{method}({', '.join(['self', *positional, '*', *keywords])})"
        try:
            inspect.signature(getattr(made, method)).bind(*positional, **dict.fromkeys(keywords))
        except TypeError as error:
            raise PluginError(f"{method} cannot be called as the harness does ({error}); expected {wanted}.") from error


def parameters_round_trip(info: PluginInfo) -> None:
    """It has a docstring, its parameters have types and defaults, and a copy made from them is equal."""
    made = create(info)
    found = {f.name: getattr(made, f.name) for f in dataclasses.fields(made)}
    if found != dict(info.params):
        raise PluginError(f"the declared parameters are {dict(info.params)}, the instance has {found}.")
    if untyped := _untyped(info):
        raise PluginError(f"{untyped!r} has no type, so that nobody can set it; write `{untyped}: float = ...`.")
    if not info.summary:
        raise PluginError("the class has no docstring; its first line is what lists and tables show.")


def _untyped(info: PluginInfo) -> str:
    """Return the first name in the class body that looks like a parameter but has no annotation."""
    if info.path.suffix != ".py":
        return ""
    classes = [n for n in ast.parse(info.path.read_text(encoding="utf-8")).body if isinstance(n, ast.ClassDef)]
    plugin = next(node for node in classes if node.decorator_list)
    targets = [target for line in plugin.body if isinstance(line, ast.Assign) for target in line.targets]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return next((name for name in names if name.islower() and not name.startswith("_")), "")


CHECKS: dict[Kind, tuple[Check, ...]] = {
    "generator": (
        it_can_be_made,
        parameters_round_trip,
        generator_checks.fit_returns_self,
        generator_checks.sample_has_the_asked_size,
        generator_checks.same_stream_same_sample,
        generator_checks.another_stream_another_sample,
        generator_checks.refit_replaces,
        generator_checks.a_class_of_three,
        generator_checks.claims_are_data,
    ),
    "metric": (
        it_can_be_made,
        parameters_round_trip,
        metric_checks.measures_what_it_declares,
        metric_checks.worse_data_score_worse,
        metric_checks.order_of_rows_is_free,
        metric_checks.degenerate_input_is_nan,
    ),
    "attack": (
        it_can_be_made,
        parameters_round_trip,
        attack_checks.silent_without_signal,
        attack_checks.finds_verbatim_copies,
        attack_checks.order_of_targets_is_free,
    ),
}
MODEL_CHECKS: dict[Kind, tuple[Check, ...]] = {
    "generator": (
        it_can_be_made,
        parameters_round_trip,
        model_checks.answers_are_probabilities,
        model_checks.same_stream_same_model,
        generator_checks.claims_are_data,
    ),
    "metric": (it_can_be_made, parameters_round_trip, model_checks.a_model_is_measured),
    "attack": (it_can_be_made, parameters_round_trip, model_checks.finds_a_model_that_remembers),
}
