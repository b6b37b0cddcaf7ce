"""The certificate: everything that is known of a release, as data, for whoever decides about it later."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.boundary.plain_release import SIGNIFICANT_BITS
from bench.core.files import sha256
from bench.core.records import Records
from bench.core.released import Release, ReleasedModel
from bench.engine.environment import distributions
from bench.registry.digests import code_digest
from bench.release.evidence import as_data
from bench.release.formats import dictionary, in_words, kind_of
from bench.release.signature import CERTIFICATE

if TYPE_CHECKING:
    from bench.release.ledger import Spent
    from bench.release.make import Knowledge, Made, Request

FORMAT = 1
_GRIDS = {"genotype": "whole alleles", "intensity": "256 levels of brightness"}
LIMITS = (
    "Attacks from outside cannot exclude a channel that the generator hides in the values themselves.",
    "An attack that found nothing shows that this attack found nothing; another may find more.",
    "Values outside the people who were measured (other hospitals, other platforms) were not tried.",
)
DECLARED_LIMIT = (
    "How common a class is among the people: the class rates were declared, and what the benchmark measured was at the "
    "generator's own."
)
COMPOSITION = (
    "basic: epsilons and deltas add up; where some claims are about replacing a person, those about adding or removing "
    "one count 2 epsilon and (1 + e^epsilon) delta"
)
INTENDED = (
    "developing and testing methods",
    "teaching",
    "exploring which questions the real data may answer, before access to them is asked for",
)
PROHIBITED = (
    "identifying a person, or finding out whether a person was in the study",
    "decisions about a patient",
    "publishing a finding without confirming it on real data",
)


def certificate(
    request: Request,
    identity: str,
    made: Made,
    known: Knowledge,
    measured: Mapping[str, Any] | None,
    spent: Spent,
) -> dict[str, Any]:
    """Return the certificate of a release, but for the digests of its files.

    No digest of the cohort is in it, and its size only where the claim is about replacing a person, which keeps the
    size public. What the benchmark measured is computed from the people, outside any budget, and says so.

    Parameters
    ----------
    measured : the exposure of this very release; None if nobody was held out
    spent : by all releases of the cohort, this one included
    """
    choice, dataset = request.choice, request.dataset
    return {
        "format": FORMAT,
        "release": identity,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "for_publication": request.seed is None,
        "benchmarked": known.exposure is not None,
        "dataset": _about(request, made),
        "data": {
            **_contents(made.released, made.people),
            **_rates(request, made.released),
            "dictionary": dictionary(made.released, made.people, dataset.label, request.class_rates),
        },
        "generator": {
            "name": choice.info.name,
            "parameters": {name: _text(value) for name, value in choice.params.items()},
            "summary": choice.info.summary,
            "doi": choice.info.option("doi", ""),
            "code": code_digest(choice.info, choice.params),
        },
        "claim": as_data(made.claim),
        "sp800_226": _checklist(request, made, spent),
        "ledger": {**asdict(spent), "composition": COMPOSITION},
        "exposure_of_the_configuration": known.exposure,
        "exposure_of_this_release": measured,
        "audits": known.audits,
        "usefulness": known.usefulness,
        "benchmark_folds": known.folds,
        "checks": made.checks.facts(),
        "limits": [*LIMITS, *([DECLARED_LIMIT] if request.class_rates else [])],
        "intended_use": list(INTENDED),
        "prohibited_use": list(PROHIBITED),
        "software": {"omics-bench": __version__, **_libraries()},
    }


def _contents(released: Release, people: Records) -> dict[str, Any]:
    """Return what was released: its kind, its size and its classes."""
    facts = {"kind": kind_of(released), "what": in_words(released, people), "modality": people.modality}
    if isinstance(released, ReleasedModel):
        size = {"features": len(released.features), "numbers": released.n_parameters}
        return {**facts, "units": people.units, **size, "classes": list(released.classes)}
    return {
        **facts,
        "units": released.units,
        "rows": len(released),
        "features": released.n_genes,
        "classes": dict(sorted(Counter(map(str, released.y)).items())),
        "grid": _GRIDS.get(released.units, f"{SIGNIFICANT_BITS} significant bits"),
    }


def _rates(request: Request, released: Release) -> dict[str, Any]:
    """Return whose the class rates of released data are: the generator's, or those that were declared."""
    if isinstance(released, ReleasedModel):
        return {}
    declared = dict(request.class_rates)
    return {"class_rates": {"declared": declared} if declared else "as the generator learnt them"}


def _about(request: Request, made: Made) -> dict[str, Any]:
    dataset, claim = request.dataset, made.claim
    facts: dict[str, Any] = {
        "name": dataset.name,
        "title": dataset.title,
        "simulated": dataset.simulated,
        "source": _without_folders(dataset.source),
        "held_out": request.hold_out,
    }
    if claim is None or claim.neighbours == "replace-one":
        facts["people_trained_on"] = len(made.people)
    if request.source_terms:
        facts["use_conditions_duo"] = request.source_terms
    return facts


def _without_folders(source: str) -> str:
    """Return where the data came from, without the folders of the steward's machine, which older imports name."""
    before, imported, path = source.partition("imported from ")
    return before + imported + PurePath(path).name if imported else source


def _checklist(request: Request, made: Made, spent: Spent) -> dict[str, str]:
    """Return the answers to what NIST SP 800-226 (doi:10.6028/NIST.SP.800-226) asks of a private release."""
    claim = made.claim
    seed = "secret, from the operating system, kept nowhere" if request.seed is None else f"{request.seed}, known"
    answers = {
        "trust model": "central: who made the release held the data of all people",
        "randomness": seed,
        "side channels": _side_channels(made.released),
        "earlier releases": f"{spent.releases - 1} of this cohort by this ledger",
        "data collection": "not part of the guarantee",
        "outside the budget": "the numbers of exposure and usefulness in this certificate are computed from the people",
    }
    if request.class_rates:
        answers["class rates"] = "declared by whoever made the release; no budget covers rates read off the people"
    if claim is None:
        return {"guarantee": "none: the generator claims nothing", **answers}
    outside = "; ".join(claim.outside) or "none"
    return {
        "guarantee": f"({claim.epsilon:g}, {claim.delta:g})-differential privacy",
        "unit of privacy": claim.unit,
        "neighbours": claim.neighbours,
        "mechanism": claim.mechanism,
        "accounting": claim.accountant,
        "steps outside the budget": outside,
        "public data used": "; ".join(claim.public) or "none",
        **answers,
    }


def _side_channels(released: Release) -> str:
    if isinstance(released, ReleasedModel):
        return "numbers as they were trained, to the last bit, without names; timing is not protected"
    return "values on a grid, rows in the order of their hash, no names; timing is not protected"


def _libraries() -> dict[str, str]:
    wanted = ("numpy", "scipy", "torch", "opacus", "scikit-learn", "mbi", "pandas")
    installed = distributions()
    return {name: installed[name] for name in wanted if name in installed}


def _text(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def rates_in_words(document: Mapping[str, Any]) -> str:
    """Return a sentence about class rates that were declared; nothing where they are the generator's own."""
    rates = document["data"].get("class_rates")
    if not isinstance(rates, Mapping):
        return ""
    shares = ", ".join(f"{name} {share:.4g}" for name, share in rates["declared"].items())
    return f"The class rates were declared by whoever made the release, not learnt from the people: {shares}."


def write_certificate(folder: Path, document: Mapping[str, Any]) -> None:
    """Write a certificate with the digests of all files that lie in the folder by now."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {str(path.relative_to(folder)): {"sha256": sha256(path), "bytes": path.stat().st_size} for path in paths}
    text = json.dumps({**document, "files": files}, indent=1, allow_nan=False) + "\n"
    (folder / CERTIFICATE).write_text(text, encoding="utf-8")
