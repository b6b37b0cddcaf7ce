"""The certificate: everything that is known of a release, as data, for whoever decides about it later."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.core.files import sha256
from bench.engine.environment import distributions
from bench.engine.plain_release import SIGNIFICANT_BITS
from bench.registry.digests import code_digest
from bench.release.evidence import as_data
from bench.release.formats import dictionary
from bench.release.signature import CERTIFICATE

if TYPE_CHECKING:
    from bench.release.ledger import Spent
    from bench.release.make import Knowledge, Request, Trained
    from bench.release.refusals import Checks

FORMAT = 1
LIMITS = (
    "Attacks from outside cannot exclude a channel that the generator hides in the values themselves.",
    "An attack that found nothing shows that this attack found nothing; another may find more.",
    "Values outside the people who were measured (other hospitals, other platforms) were not tried.",
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
    trained: Trained,
    checks: Checks,
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
    records, choice, dataset = trained.plain.records, request.choice, request.dataset
    return {
        "format": FORMAT,
        "release": identity,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "for_publication": request.seed is None,
        "benchmarked": known.exposure is not None,
        "dataset": _about(request, trained),
        "data": {
            "rows": len(records),
            "features": records.n_genes,
            "modality": records.modality,
            "units": records.units,
            "classes": dict(sorted(Counter(map(str, records.y)).items())),
            "grid": f"{SIGNIFICANT_BITS} significant bits",
            "dictionary": dictionary(records, dataset.label),
        },
        "generator": {
            "name": choice.info.name,
            "parameters": {name: _text(value) for name, value in choice.params.items()},
            "summary": choice.info.summary,
            "doi": choice.info.option("doi", ""),
            "code": code_digest(choice.info, choice.params),
        },
        "claim": as_data(trained.claim),
        "sp800_226": _checklist(request, trained, spent),
        "ledger": {**asdict(spent), "composition": "basic: epsilons and deltas add up"},
        "exposure_of_the_configuration": known.exposure,
        "exposure_of_this_release": measured,
        "audits": known.audits,
        "usefulness": known.usefulness,
        "benchmark_folds": known.folds,
        "checks": {
            "rows equal to a person": "none",  # or there would be no release; how near one came is the people's own
            "rows close to a person": "none",
            "features that end in a person's value": "at most one in a hundred",
            "repeated rows": checks.duplicates,
        },
        "limits": list(LIMITS),
        "intended_use": list(INTENDED),
        "prohibited_use": list(PROHIBITED),
        "software": {"omics-bench": __version__, **_libraries()},
    }


def _about(request: Request, trained: Trained) -> dict[str, Any]:
    dataset, claim = request.dataset, trained.claim
    facts: dict[str, Any] = {
        "name": dataset.name,
        "title": dataset.title,
        "simulated": dataset.simulated,
        "source": dataset.source,
        "held_out": request.hold_out,
    }
    if claim is None or claim.neighbours == "replace-one":
        facts["people_trained_on"] = len(trained.people)
    if request.source_terms:
        facts["use_conditions_duo"] = request.source_terms
    return facts


def _checklist(request: Request, trained: Trained, spent: Spent) -> dict[str, str]:
    """Return the answers to what NIST SP 800-226 (doi:10.6028/NIST.SP.800-226) asks of a private release."""
    claim = trained.claim
    seed = "secret, from the operating system, kept nowhere" if request.seed is None else f"{request.seed}, known"
    answers = {
        "trust model": "central: who made the release held the data of all people",
        "randomness": seed,
        "side channels": "values on a grid, rows in the order of their hash, no names; timing is not protected",
        "earlier releases": f"{spent.releases - 1} of this cohort by this ledger",
        "data collection": "not part of the guarantee",
        "outside the budget": "the numbers of exposure and usefulness in this certificate are computed from the people",
    }
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


def _libraries() -> dict[str, str]:
    wanted = ("numpy", "scipy", "torch", "opacus", "scikit-learn", "mbi", "pandas")
    installed = distributions()
    return {name: installed[name] for name in wanted if name in installed}


def _text(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def write_certificate(folder: Path, document: Mapping[str, Any]) -> None:
    """Write a certificate with the digests of all files that lie in the folder by now."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {str(path.relative_to(folder)): {"sha256": sha256(path), "bytes": path.stat().st_size} for path in paths}
    text = json.dumps({**document, "files": files}, indent=1, allow_nan=False) + "\n"
    (folder / CERTIFICATE).write_text(text, encoding="utf-8")
