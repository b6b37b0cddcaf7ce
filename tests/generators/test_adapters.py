"""Densities, SDV and synthcity take part through adapters.

SDV and synthcity are in no environment of the tests: there, stand-ins with their published interface run through the
same adapter. Where the real library is installed, test_conformance.py checks the adapter on it too.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench import Cohort, PluginError, stream
from bench.conformance.plugins import check_plugin, people
from bench.registry.digests import code_digest
from bench.registry.finding import create, find

SDV = {
    "__init__.py": "",
    "metadata.py": """
class Metadata:
    @classmethod
    def load_from_dict(cls, content):
        made = cls()
        (table,) = content["tables"].values()
        made.kinds = {name: column["sdtype"] for name, column in table["columns"].items()}
        return made
""",
    "single_table.py": """
import warnings
import numpy as np
import pandas as pd

__all__ = ("GaussianCopulaSynthesizer",)

class GaussianCopulaSynthesizer:
    def __init__(self, metadata, jitter=0.1):
        self.metadata, self.jitter = metadata, jitter

    def fit(self, data):
        (self.name, table), = data.items()
        assert list(self.metadata.kinds.values()) == ["numerical"] * (table.shape[1] - 1) + ["categorical"]
        assert list(self.metadata.kinds) == list(table.columns)
        warnings.warn("We strongly recommend saving the metadata", UserWarning)
        self.table = table
        self.shift = np.random.normal(0, self.jitter)  # from the global state, as scripts do
        self.reset_sampling()

    def reset_sampling(self):
        self.random = np.random.RandomState(73251)  # the same sample for ever

    def _set_random_state(self, seed):
        self.random = np.random.RandomState(seed)

    def sample(self, num_rows):
        sampled = self.table.sample(num_rows, replace=True, random_state=self.random).reset_index(drop=True)
        sampled.iloc[:, :-1] += self.shift
        return {self.name: sampled[sampled.columns[::-1]]}
""",
}
SYNTHCITY = {
    "__init__.py": "",
    "plugins/__init__.py": """
import random
import numpy as np

class Plugins:
    def __init__(self, categories):
        assert categories == ["generic", "privacy"]

    def list(self):
        return ["ctgan", "tvae"]

    def get(self, name, workspace, random_state, n_iter=2000):
        return Plugin(n_iter)

class Plugin:
    def __init__(self, n_iter):
        self.n_iter = n_iter

    def fit(self, loader):
        self.table = loader.dataframe()
        self.shift = random.random() / self.n_iter

    def generate(self, count, random_state):
        from .core.dataloader import GenericDataLoader
        np.random.seed(random_state)  # as its enable_reproducible_results does
        rows = np.random.randint(0, len(self.table), count)
        table = self.table.iloc[rows].reset_index(drop=True)
        table.iloc[:, :-1] += self.shift
        return GenericDataLoader(table, target_column="label")
""",
    "plugins/core/__init__.py": "",
    "plugins/core/dataloader.py": """
class GenericDataLoader:
    def __init__(self, data, target_column, random_state=0):
        assert target_column in data.columns
        self.data = data

    def dataframe(self):
        return self.data
""",
}


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put packages called sdv and synthcity first on the path, and forget whatever imported them."""
    for package, files in (("sdv", SDV), ("synthcity", SYNTHCITY)):
        for name, text in files.items():
            path = tmp_path / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    forget()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    forget()


def forget() -> None:
    for name in list(sys.modules):
        if name.split(".")[0] in ("sdv", "synthcity") or name in ("bench.generators.sdv", "bench.generators.synthcity"):
            del sys.modules[name]


@pytest.mark.parametrize("name", ["sdv", "synthcity"])
@pytest.mark.usefixtures("stand_ins")
def test_the_adapter_keeps_the_contract_on_a_stand_in_with_the_interface_of_the_library(name: str) -> None:
    assert [finding for finding in check_plugin(find("generator", name)) if finding.problem] == []


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("sdv", {"synthesizer": "CTGAN"}, "there is no synthesizer 'CTGAN' for single tables; expected GaussianCopula"),
        ("sdv", {"options": "jitter=big=1"}, "cannot be read"),
        ("synthcity", {"plugin": "ctgn"}, "there is no plugin 'ctgn'. It has ctgan, tvae"),
    ],
)
@pytest.mark.usefixtures("stand_ins")
def test_what_the_stand_in_of_a_library_does_not_have_is_refused(
    name: str, params: dict[str, object], words: str
) -> None:
    with pytest.raises(PluginError) as error:
        create(find("generator", name), params).fit(people(30, "train"), rng=stream(1))
    assert words in str(error.value)


@pytest.mark.usefixtures("stand_ins")
def test_options_reach_the_synthesizer_of_the_stand_in() -> None:
    train = people(60, "train")
    far = (
        create(find("generator", "sdv"), {"options": "jitter=1000"}).fit(train, rng=stream(1)).sample(60, rng=stream(2))
    )
    assert abs(far.X.mean() - train.X.mean()) > 10


# -- densities in the interface of scikit-learn ------------------------------------------------------------------------


def density(train: Cohort, n: int, **params: object) -> Cohort:
    fitted = create(find("generator", "sklearn_density"), params).fit(train, rng=stream(1, "fit"))
    sample: Cohort = fitted.sample(n, rng=stream(1, "sample"))
    return sample


@pytest.mark.parametrize("components", [0, 24])
def test_one_gaussian_per_class_has_its_mean_and_covariance(components: int) -> None:
    train = people(300, "train")
    made = density(train, 9000, components=components)
    for (label, real), (_, drawn) in zip(train.by_label(), made.by_label(), strict=True):
        np.testing.assert_allclose(drawn.mean(axis=0), real.mean(axis=0), atol=0.12)
        np.testing.assert_allclose(np.cov(drawn.T), np.cov(real.T) * 99 / 100, atol=0.2, err_msg=label)


def test_few_components_keep_the_samples_in_a_space_of_so_many_dimensions() -> None:
    made = density(people(90, "train"), 60, components=3)
    singular = np.linalg.svd(made.X - made.X.mean(axis=0), compute_uv=False)
    assert singular[2] > 1
    assert singular[3] < 1e-3


def test_a_narrow_kernel_gives_the_training_samples_back() -> None:
    train = people(30, "train")
    made = density(train, 40, estimator="sklearn.neighbors.KernelDensity", options="bandwidth=1e-6", components=0)
    distances = np.abs(made.X[:, None] - train.X).max(axis=2)
    assert distances.min(axis=1).max() < 1e-3


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"estimator": "sklearn.mixture.GausianMixture"}, "there is no class 'sklearn.mixture.GausianMixture'"),
        ({"estimator": "KernelDensity"}, "there is no class 'KernelDensity'"),
        ({"estimator": "sklearn.linear_model.LinearRegression"}, "has no fit and sample"),
        ({"options": "n_componets=2"}, "cannot be made: GaussianMixture.__init__() got an unexpected keyword"),
        ({"options": "n_components=40"}, "class 'a' with 10 samples: Expected n_samples >= n_components"),
        ({"options": "2"}, "cannot be read (a value has no name)"),
        ({"options": "n=open('x')"}, "cannot be read"),
        ({"components": -1}, "components is -1; expected 0 or more"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(params: dict[str, object], words: str) -> None:
    with pytest.raises(PluginError) as error:
        density(people(30, "train"), 5, **params)
    assert words in str(error.value)


_modules = itertools.count()
OWN = """
import numpy as np

class Density:
    def __init__(self, shift=0):
        self.shift = shift

    def fit(self, X):
        self.mean = X.mean(axis=0)
        return self

    def sample(self, n):
        return self.mean + self.shift + np.random.randn(n, len(self.mean))
"""


def own_density(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    name = f"my_density_{next(_modules)}"
    (folder / f"{name}.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(folder))
    return folder / f"{name}.py", f"{name}.Density"


def test_a_class_of_ones_own_that_draws_from_the_global_state_is_reproducible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, name = own_density(tmp_path, monkeypatch)
    train = people(30, "train")
    first = density(train, 12, estimator=name, options="shift=5")
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].tobytes()  # type: ignore[index] # noqa: NPY002
    assert density(train, 12, estimator=name, options="shift=5").digest == first.digest
    assert np.random.get_state()[1].tobytes() == before  # type: ignore[index] # noqa: NPY002
    assert density(train, 12, estimator=name).digest != first.digest


def test_the_code_of_the_named_class_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, name = own_density(tmp_path, monkeypatch)
    info = find("generator", "sklearn_density")
    keys = [code_digest(info, {"estimator": name})]
    path.write_text(OWN + "\n# a remark\n")
    keys.append(code_digest(info, {"estimator": name}))
    path.write_text(OWN.replace("+ self.shift", "- self.shift"))
    keys.append(code_digest(info, {"estimator": name}))
    assert keys[0] == keys[1] != keys[2]
    assert code_digest(info) != code_digest(info, {"estimator": "sklearn.neighbors.KernelDensity"})


@pytest.mark.parametrize("estimator", ["sklearn.neighbors.KernelDensity", "sklearn.mixture.BayesianGaussianMixture"])
def test_other_densities_of_scikit_learn_keep_the_gene_order_and_the_class_rates(estimator: str) -> None:
    train = people(60, "train")
    made = density(train, 60, estimator=estimator)
    assert made.genes == train.genes
    assert sorted(made.y) == sorted(train.y)
