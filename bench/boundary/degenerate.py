"""Says what is degenerate about a release on which a measure or an attack fails: then its number is undefined.

A collapsed release has no covariance, and one of a single class trains no classifier. The row of such a number says so,
and does not look like a fault of the plugin alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from bench.core.errors import NoLabelsError, PluginError, StoreError
from bench.core.plain import plain_text
from bench.core.records import Records
from bench.core.released import Release, ReleasedModel

_LARGE = 1e18  # squares of larger numbers overflow in single precision


@contextlib.contextmanager
def undefined_where_degenerate(release: Release, like: Records) -> Iterator[None]:
    """Turn a failure in the block into a statement that the number is undefined, if the release is degenerate.

    Parameters
    ----------
    release : what is measured or attacked
    like : real people

    Raises
    ------
    PluginError
        It names what is degenerate and how the plugin failed. Any other failure is raised as it is.
    """
    try:
        yield
    except (StoreError, NoLabelsError):
        raise
    except Exception as error:
        if isinstance(release, ReleasedModel) or not (what := degeneracy(release, like)):
            raise
        raise PluginError(f"undefined on this release, because {what}: {plain_text(error)}") from error


def degeneracy(release: Records, like: Records) -> str:
    """Return what is degenerate about a release, or nothing.

    Parameters
    ----------
    release : its values and, if it has them, labels
    like : real people, for the range of values and the genes that vary
    """
    return next(filter(None, _findings(release, like)), "")


def _findings(release: Records, like: Records) -> Iterator[str]:
    X, n = release.X, len(release)
    if n < 3:
        yield f"it has {n} sample{'s' * (n != 1)}"
        return
    distinct = len(np.unique(X, axis=0))
    yield "all its samples are equal" if distinct == 1 else ""
    yield f"its {n} samples are {distinct} different ones" if distinct <= n / 2 else ""
    if release.has_labels:
        labels, sizes = np.unique(release.y, return_counts=True)
        yield f"all its labels are {str(labels[0])!r}" if len(labels) == 1 else ""
        yield f"its class {str(labels[sizes.argmin()])!r} has one sample" if sizes.min() == 1 else ""
    low, high, real_low, real_high = (float(v) for v in (X.min(), X.max(), like.X.min(), like.X.max()))
    large = max(-low, high)
    yield f"its values reach {large:.3g}, too large to be squared" if large > _LARGE else ""
    if low > real_high or high < real_low:
        yield f"its values ({low:.3g} to {high:.3g}) lie outside the real ones ({real_low:.3g} to {real_high:.3g})"
    constant = int(((X[0] == X).all(axis=0) & (like.X[0] != like.X).any(axis=0)).sum())
    yield f"{constant} of its {X.shape[1]} genes never vary" if constant else ""
