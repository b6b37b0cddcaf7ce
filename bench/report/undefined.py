"""Why a number is undefined, in words: what was too few, by what the metric or the reading says of itself."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from pathlib import Path

from bench.registry.declarations import parsed
from bench.registry.finding import plugins
from bench.statistics.exposure import EXPOSURE_MEASURES

_READINGS: Mapping[str, str] = {  # of every attack
    name: "fewer than five members, or five others, are among the outliers (a tenth of the people of a fold)"
    if "outliers" in name
    else "no class has five members and five others in the fold"
    for name in EXPOSURE_MEASURES
}
_UNKNOWN = "the measure is not defined for this release (NaN)"


def why_undefined(measure: str) -> str:
    """Return why a measure may be undefined: the sentences about NaN in its metric's docstring, or the harness's own.

    Examples
    --------
    >>> why_undefined("c2st_xgboost_auc")
    'undefined where a cohort has fewer than two samples'
    """
    if measure in _READINGS:
        return _READINGS[measure]
    infos = (info for info in plugins("metric").values() if any(m.name == measure for m in info.measures))
    info = next(infos, None)
    return (_sentences(info.path) if info else "") or _UNKNOWN


@functools.cache
def _sentences(path: Path) -> str:
    """Return what the docstrings of the classes in a plugin file say of NaN."""
    classes = (node for node in parsed(path).body if isinstance(node, ast.ClassDef) and node.decorator_list)
    texts = (" ".join((ast.get_docstring(node) or "").split()).replace("``", "") for node in classes)
    found = [line for text in texts for line in re.split(r"(?<=[.;])\s+(?=[A-Z])", text) if "NaN" in line]
    return "; ".join(line.rstrip(".;").replace("NaN", "undefined") for line in found)
