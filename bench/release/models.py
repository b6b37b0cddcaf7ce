"""Released classifiers as whoever gets them uses them: read from their folder, and asked about people in a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.cohort_file import read_npz
from bench.core.errors import DataError
from bench.core.files import sha256
from bench.core.released import ReleasedModel
from bench.registry.finding import create, find
from bench.release.signature import CERTIFICATE

if TYPE_CHECKING:
    import pandas as pd

_FILE = "model.npz"


def load_model(folder: str | Path) -> ReleasedModel:
    """Return the classifier of a folder that `bench release` wrote, ready to answer: see `ReleasedModel`.

    Nothing is unpickled. The code that answers is that of the installed plugin of the generator's name; whether the
    signature is right is the question of `bench release verify`.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    DataError
        If there is no such model, or its file is not the one of the certificate.
    PluginError
        If no plugin of that name is installed.

    Examples
    --------
    >>> from bench import load_model
    >>> load_model("no_such_folder")
    Traceback (most recent call last):
    bench.core.errors.DataError: no_such_folder holds no certificate.json ...
    """
    place = Path(folder)
    certificate = _certificate(place)
    listed = certificate["files"].get(_FILE)
    if listed is None:
        raise DataError(f"{place} holds no released model, but {certificate['data']['what']}.")
    if not (place / _FILE).is_file() or sha256(place / _FILE) != listed["sha256"]:
        raise DataError(f"{place / _FILE} is not the file of the certificate: it was changed, or is missing.")
    model = read_npz(place / _FILE)
    assert isinstance(model, ReleasedModel)
    made_by = certificate["generator"]
    return model.answered_by(create(find("generator", made_by["name"]), made_by["parameters"]).predict_proba)


def _certificate(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} holds no {CERTIFICATE} ({error}); expected a folder of `bench release`.") from error
    return found


def answers(model: ReleasedModel, people: pd.DataFrame) -> pd.DataFrame:
    """Return the most probable class and the probability of each, for people in the rows of a table.

    Parameters
    ----------
    people : a column for every feature of the model, in any order, in the units that it was trained on; the first
        column names the people

    Raises
    ------
    DataError
        If a feature is missing, or a value is no finite number.
    """
    import pandas as pd

    from bench.datasets.readers.cells import numbers_of

    if missing := [name for name in model.features if name not in people.columns]:
        raise DataError(
            f"the table has no column {missing[0]!r} ({len(missing)} are missing of {len(model.features)}); "
            "certificate.json names them."
        )
    X = people[list(model.features)].apply(numbers_of).to_numpy(dtype=np.float32)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise DataError(
            f"row {row + 1}, column {model.features[column]!r} is no finite number; expected one everywhere."
        )
    shares = model.predict_proba(X)
    table = pd.DataFrame(shares, columns=list(model.classes))
    table.insert(0, "class", np.asarray(model.classes)[shares.argmax(axis=1)])
    table.insert(0, "sample", people.iloc[:, 0].astype(str).to_numpy())
    return table
