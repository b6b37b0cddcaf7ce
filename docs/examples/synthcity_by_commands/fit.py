"""Fits a plugin of synthcity: python fit.py train_data.csv train_labels.csv model_folder seed plugin n_iter."""

import sys
from pathlib import Path

import pandas as pd
from synthcity.plugins import Plugins
from synthcity.plugins.core.dataloader import GenericDataLoader
from synthcity.utils.reproducibility import enable_reproducible_results
from synthcity.utils.serialization import save_to_file

data, labels, model, seed, name, n_iter = sys.argv[1:]
table = pd.read_csv(data)
genes = list(table.columns)
table.columns = [f"gene_{i}" for i in range(len(genes))]  # whatever a gene is called
table["label"] = pd.read_csv(labels, dtype=str)["label"]

enable_reproducible_results(int(seed))
plugin = Plugins(categories=["generic"]).get(name, n_iter=int(n_iter), random_state=int(seed), workspace=Path(model))
plugin.fit(GenericDataLoader(table, target_column="label", random_state=int(seed)))
save_to_file(Path(model) / "plugin.pkl", plugin)
pd.Series(genes).to_csv(Path(model) / "genes.csv", index=False)
