"""The prior that the package ships, and those of files: what `dp_prior` may read without a budget."""

from __future__ import annotations

import functools
import hashlib
from importlib.resources import files
from pathlib import Path

from bench import PluginError
from bench.statistics.public_prior import PriorOnGenes, PublicPrior

__all__ = ["PriorOnGenes", "PublicPrior", "public_words", "read_prior"]

SHIPPED = "public_prior.npz"
# of the shipped file: it is code as far as results go, so that another file is another generator
SHIPPED_SHA256 = "5224d885f65486b2893ed2d27107e1122be1167d2fc9968aa2d4000c55b66120"


def read_prior(name: str) -> PublicPrior:
    """Return the shipped prior, or that of a file."""
    if name == "shipped":
        return _shipped()
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise PluginError(f"the prior {name!r} cannot be read ({error}); expected shipped, none or a file.") from error
    return PublicPrior.read(content, f"the prior {name!r}")


@functools.cache
def _shipped() -> PublicPrior:
    content = files("bench.generators").joinpath(SHIPPED).read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != SHIPPED_SHA256:
        raise PluginError(f"{SHIPPED} has the SHA-256 {found}, not {SHIPPED_SHA256}; install the package again.")
    return PublicPrior.read(content, SHIPPED)


def public_words(prior: PublicPrior, coverage: float) -> tuple[str, ...]:
    """Return what a claim says of the public data used."""
    about = prior.about
    return (f"{about['name']}: {about['source']}; licence {about['licence']}; {coverage:.0%} of the genes",)
