"""Checks samples, models, claims, measures and scores, where they come in from a plugin, against its contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import PluginError
from bench.core.plain import plain_number, plain_text, real
from bench.core.records import Records
from bench.core.released import ReleasedModel
from bench.core.roles import Estimate, PrivacyClaim, claim_of
from bench.registry.declarations import PluginInfo


def check_sample(synthetic: Any, *, like: Records, n: int) -> None:
    """Check that what a generator returned is a synthetic cohort of the training cohort's kind.

    Raises
    ------
    PluginError
        If it is no cohort, or differs in size, genes, their order or units, or has a label that was never seen.
    """
    if not isinstance(synthetic, type(like)):
        raise PluginError(
            f"sample returned {type(synthetic).__name__}; expected a {type(like).__name__} (use "
            "cohort.synthetic(X, y))."
        )
    if len(synthetic) != n:
        raise PluginError(f"sample({n}) returned {len(synthetic)} samples; expected {n}.")
    if synthetic.genes != like.genes:
        raise PluginError(f"sample returned {_other_genes(synthetic, like)}. cohort.synthetic(X, y) keeps them.")
    if synthetic.units != like.units:
        raise PluginError(f"sample returned units {synthetic.units!r}; expected {like.units!r}.")
    if not synthetic.has_labels:
        raise PluginError("sample returned no labels; expected one for each sample, as the training cohort has.")
    if unknown := sorted(set(map(str, synthetic.y)) - set(map(str, like.y))):
        known = ", ".join(map(repr, like.classes[:4].tolist()))
        raise PluginError(
            f"sample returned the label {unknown[0]!r}, which the training cohort does not have; expected the texts of "
            f"cohort.y ({known} ...), not their numbers."
        )


def check_model(model: Any, *, like: Records) -> ReleasedModel:
    """Return what a generator released as a model, after a check that it fits the people it was trained on.

    Raises
    ------
    PluginError
        If it is no model, has other features than the training people, or a class that was never seen.
    """
    if not isinstance(model, ReleasedModel):
        raise PluginError(f"release returned {type(model).__name__}; expected a ReleasedModel.")
    if model.features != like.features:
        raise PluginError(
            f"release returned a model of {len(model.features)} features that are not the {len(like.features)} of the "
            "training cohort in their order; give it features=cohort.features."
        )
    if unknown := sorted(set(model.classes) - set(map(str, like.y))):
        raise PluginError(f"release returned a model with the class {unknown[0]!r}, which no training label has.")
    return model


def _other_genes(synthetic: Records, like: Records) -> str:
    if sorted(synthetic.genes) != sorted(like.genes):
        return f"{synthetic.n_genes} other genes than the {like.n_genes} of the training cohort"
    i = next(i for i, pair in enumerate(zip(synthetic.genes, like.genes, strict=True)) if pair[0] != pair[1])
    return f"another order of genes than training has: number {i + 1} is {synthetic.genes[i]!r}, not {like.genes[i]!r}"


def plain_claim(fitted: object) -> dict[str, Any] | None:
    """Return what a fitted generator claims as plain values, or None if it claims nothing.

    Raises
    ------
    PluginError
        If it claims with something else than a `PrivacyClaim`.
    """
    claim = claim_of(fitted)
    if claim is None:
        return None
    if not isinstance(claim, PrivacyClaim):
        raise PluginError(f"claim() returned {type(claim).__name__}; expected a PrivacyClaim or None.")
    texts = {name: plain_text(vars(claim)[name]) for name in ("mechanism", "unit", "neighbours", "accountant")}
    budget = {"epsilon": float(claim.epsilon), "delta": float(claim.delta)}
    lists = {name: [plain_text(text) for text in vars(claim)[name]] for name in ("outside", "public")}
    return {**texts, **budget, **lists}


def check_measures(info: PluginInfo, values: object) -> dict[str, float]:
    """Return the measures a metric gave as plain floats, after a check against its declaration.

    Of an `Estimate` this is the value.

    Raises
    ------
    PluginError
        If a declared measure is missing, another one is there, or a value is infinite, no number or outside its
        declared bounds.
    """
    names = [m.name for m in info.measures]
    if not isinstance(values, Mapping):
        gave = type(values).__name__
        raise PluginError(f"metric {info.name!r} returned {gave}; expected a dictionary with {', '.join(names)}.")
    if set(values) != set(names):
        wrong = sorted(map(plain_text, set(values) ^ set(names)))
        raise PluginError(
            f"metric {info.name!r} declares {', '.join(names)}, but differs in what it returned: {wrong}."
        )
    single = {name: value.value if isinstance(value, Estimate) else value for name, value in values.items()}
    plain = {name: plain_number(single[name], f"metric {info.name!r}: {name}") for name in names}
    for m in info.measures:
        if not (np.isnan(value := plain[m.name]) or m.low - 1e-9 <= value <= m.high + 1e-9):
            raise PluginError(f"metric {info.name!r}: {m.name} is {value}, outside its bounds {m.low} to {m.high}.")
    return plain


def intervals_of(info: PluginInfo, values: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the two ends of each measure that a metric gave as an `Estimate`.

    Raises
    ------
    PluginError
        If an end is infinite or no number.
    """
    return {
        name: [plain_number(end, f"metric {info.name!r}: the interval of {name}") for end in value[1:]]
        for name, value in values.items()
        if isinstance(value, Estimate)
    }


def check_scores(info: PluginInfo, scores: object, n: int) -> NDArray[np.float64]:
    """Return the scores an attack gave as an array of n numbers, one for each target.

    Raises
    ------
    PluginError
        If they have another shape, or are no real numbers.
    """
    found = np.asarray(real(scores, f"attack {info.name!r}: the scores"), dtype=np.float64)
    if found.shape != (n,):
        raise PluginError(f"attack {info.name!r} returned shape {found.shape}; expected {(n,)}.")
    return found
