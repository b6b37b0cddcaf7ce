"""One page about a release for a person, as Markdown and as HTML: what it is, what it is good for, what it leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from bench.registry.declarations import Decides
from bench.registry.finding import plugins
from bench.release.certificate import rates_in_words

_ROLES: tuple[Decides, ...] = ("use", "worst", "science")  # of what decides, in the order of the card
_BOXES: tuple[Decides, ...] = ("use", "worst")  # a mean alone hides a class that is lost
_SHOWN = 8  # attacks
_NATURE = {
    "data": "Every row was drawn from a model; none is the record of a person.",
    "model": "It answers queries with the probability of each class, and was trained on people.",
}
_FILES = {  # where names, labels and values are, by what was released
    "expression": "Columns: a name that stands for nobody, the class label, then the features.",
    "variants": "The calls of synthetic people are in the VCF, their class labels in synthetic.labels.csv.",
    "images": "Arrays: images (n x height x width x channels, 8 bits) and labels.",
}


def write_card(folder: Path, document: Mapping[str, Any]) -> None:
    """Write ``CARD.md`` and ``CARD.html`` about a release into its folder."""
    environment = Environment(
        loader=PackageLoader("bench.release"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["n"], environment.filters["g"] = _number, "{:g}".format
    use = list(_use(document["usefulness"]))
    facts = {
        "c": document,
        "called": "Released classifier" if document["data"]["kind"] == "model" else "Synthetic data",
        "nature": _NATURE["model" if document["data"]["kind"] == "model" else "data"],
        "rates": rates_in_words(document),
        "files": _FILES.get(document["data"]["kind"], ""),
        "use": use,
        "boxes": [found for role in _BOXES if (found := next((u for u in use if u["role"] == role), None))],
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
    """Yield what decides, as the metrics declare it: each a mean over folds of the benchmark."""
    declared = [m for info in plugins("metric").values() for m in info.measures if m.decides and m.name in measures]
    for m in sorted(declared, key=lambda m: (_ROLES.index(m.decides), m.turn, m.name)):
        yield {
            "name": m.name,
            "role": m.decides,
            "words": m.called,
            **measures[m.name],
            "real": measures.get(m.real, {}).get("mean"),
        }


def _attacks(exposure: Mapping[str, Any] | None) -> list[tuple[str, float, str]]:
    """Return the attacks with the largest AUC, the largest first."""
    found = exposure["attacks"] if exposure else {}
    ranked = sorted(found.items(), key=lambda item: -item[1]["auc"])
    return [(name, values["auc"], values["access"]) for name, values in ranked[:_SHOWN]]


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"
