"""The challenge's generator interface over a generator of this harness, for the ``blue_team.py`` of a submission.

A submission made by ``bench submit pack`` carries the source of its generator class and hands it to `BlueTeam`, so
that whoever has the real folds can make the very same synthetic data again from the ``config.yaml`` beside it. Where
that says that the seed is secret, the data are private and nobody can: other data are made, as private as those.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.boundary.handing_over import handed_over
from bench.boundary.plain_release import plain_release
from bench.challenge.blue_config import WITHHELD
from bench.core.cohort import Cohort, as_expression
from bench.core.errors import DataError
from bench.core.roles import Generator
from bench.core.secret_seeds import secret_seed
from bench.core.seeds import stream

_MOST_DRAWS = 100  # samples of the training cohort's size, before a class counts as too rare


class BlueTeam:
    """Trains and samples one fold as the challenge's code asks: `train`, `generate`, `save_synthetic_data`.

    Parameters
    ----------
    generator : the class of the submission
    config : the loaded ``config.yaml``
    split : the fold, 1 to 5
    """

    def __init__(self, generator: type[Any], config: Mapping[str, Any], split: int) -> None:
        name = config["generator_name"]
        own = config[f"{name}_config"]
        self._config, self._split = config, split
        seed = own["random_seed"]
        self._seed = secret_seed() if seed == WITHHELD else int(seed)
        self._path = (own["stream"], split, name)
        self._model: Generator = generator(**own["params"])

    def train(self) -> None:
        """Fit the generator on the training samples of the fold, as ``X_train_real_split_K.csv`` gives them."""
        dataset = self._config["dataset_config"]
        real = Path(self._config["dir_list"]["data_save_dir"]) / dataset["name"] / "real"
        X = pd.read_csv(real / f"X_train_real_split_{self._split}.csv")
        y = pd.read_csv(real / f"y_train_real_split_{self._split}.csv", dtype=str)[dataset["subtype_col_name"]]
        self._cohort = Cohort(
            X=X.to_numpy(),
            y=y.to_numpy(dtype=np.str_),
            genes=tuple(X.columns),
            samples=tuple(map(str, range(len(X)))),
            units=self._config[f"{self._config['generator_name']}_config"]["units"],
        )
        self._model.fit(handed_over(self._cohort), rng=stream(self._seed, "fit", *self._path))

    def load_from_checkpoint(self) -> None:
        """Refuse: a fit is made again from its seed, and no stored model is read.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError("this submission brings no checkpoint; set load_from_checkpoint to false and train to true.")

    def generate(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return synthetic values (columns: genes) and labels (one column), one row per training sample."""
        drawn = self._model.sample(len(self._cohort), rng=stream(self._seed, "sample", *self._path))
        return self._frames(as_expression(plain_release(drawn, like=self._cohort).records))

    def generate_for_type(self, subtype: str, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return n synthetic samples of one class, drawn by sampling until there are enough.

        Raises
        ------
        DataError
            If the generator hardly ever makes that class.
        """
        rng = stream(self._seed, "sample", *self._path, subtype)
        found: list[NDArray[np.float32]] = []
        for _ in range(_MOST_DRAWS):
            drawn = as_expression(self._model.sample(len(self._cohort), rng=rng))
            found.extend(drawn.X[drawn.y == subtype])
            if len(found) >= n:
                chosen = drawn.synthetic(np.array(found[:n]), np.full(n, subtype))
                return self._frames(as_expression(plain_release(chosen, like=self._cohort).records))
        raise DataError(f"the generator made {len(found)} of {n} samples of class {subtype!r}; ask for fewer.")

    def save_synthetic_data(self, X: pd.DataFrame, y: pd.DataFrame, folder: Path) -> None:
        """Write ``synthetic_data_split_K.csv`` and ``synthetic_labels_split_K.csv`` into a folder."""
        X.to_csv(folder / f"synthetic_data_split_{self._split}.csv", index=False)
        y.to_csv(folder / f"synthetic_labels_split_{self._split}.csv", index=False)

    def _frames(self, synthetic: Cohort) -> tuple[pd.DataFrame, pd.DataFrame]:
        label = self._config["dataset_config"]["subtype_col_name"]
        return frames(synthetic, label)


def frames(synthetic: Cohort, label: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a synthetic cohort as the two tables of a submission."""
    return pd.DataFrame(synthetic.X, columns=list(synthetic.genes)), pd.DataFrame({label: synthetic.y})
