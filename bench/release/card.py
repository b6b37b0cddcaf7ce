"""One page about a release for a person, as Markdown and as HTML: what it is, what it is good for, what it leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

# measures that decide, by what they are called on the card; each is a mean over folds of the benchmark
_DECIDE = (
    ("accuracy_synthetic", "accuracy of a classifier trained on it", "accuracy_real"),
    ("balanced_accuracy_synthetic", "mean recall over classes", "balanced_accuracy_real"),
    ("rare_class_f1_synthetic", "F1 of the rarest class", "rare_class_f1_real"),
    ("aupr_synthetic", "AUPR of that classifier", "aupr_real"),
    ("coexpression_recall_r03", "co-expressed pairs found again (r > 0.3)", ""),
    ("coexpression_precision_r03", "co-expressed pairs that are true", ""),
    ("de_tpr_up_lfc05", "differentially expressed genes found (up)", ""),
    ("mmd", "distance to real people (MMD)", "mmd_base"),
)
_SHOWN = 8  # attacks


def write_card(folder: Path, document: Mapping[str, Any]) -> None:
    """Write ``CARD.md`` and ``CARD.html`` about a release into its folder."""
    environment = Environment(
        loader=PackageLoader("bench.release"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["n"] = _number
    facts = {
        "c": document,
        "use": list(_use(document["usefulness"])),
        "attacks": _attacks(document["exposure_of_the_configuration"]),
        "own": _attacks(document["exposure_of_this_release"]),
        "marks": list(_marks(document)),
    }
    for name in ("CARD.md", "CARD.html"):
        text = environment.get_template(f"{name}.j2").render(facts)
        (folder / name).write_text(text, encoding="utf-8")


def _marks(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what must be seen first."""
    if not document["for_publication"]:
        yield "NOT FOR PUBLICATION: the seed is known, and with it the noise can be taken off again."
    if document["dataset"]["simulated"]:
        yield "SIMULATED: the generator was trained on simulated people; nothing here is about real ones."
    if not document["benchmarked"]:
        yield "NOT BENCHMARKED: nobody attacked this configuration; what it leaks is unknown."


def _use(measures: Mapping[str, Mapping[str, float]]) -> Iterator[dict[str, Any]]:
    for name, words, real in _DECIDE:
        if name in measures:
            yield {"name": name, "words": words, **measures[name], "real": measures.get(real, {}).get("mean")}


def _attacks(exposure: Mapping[str, Any] | None) -> list[tuple[str, float, str]]:
    """Return the attacks with the largest AUC, the largest first."""
    found = exposure["attacks"] if exposure else {}
    ranked = sorted(found.items(), key=lambda item: -item[1]["auc"])
    return [(name, values["auc"], values["access"]) for name, values in ranked[:_SHOWN]]


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"
