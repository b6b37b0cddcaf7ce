"""Samples: python sample.py model_folder n seed synthetic_data.csv synthetic_labels.csv."""

import sys
from pathlib import Path

import pandas as pd
from synthcity.utils.serialization import load_from_file

model, n, seed, data, labels = sys.argv[1:]
plugin = load_from_file(Path(model) / "plugin.pkl")
genes = pd.read_csv(Path(model) / "genes.csv", dtype=str).iloc[:, 0]
table = plugin.generate(count=int(n), random_state=int(seed)).dataframe()
table[[f"gene_{i}" for i in range(len(genes))]].to_csv(data, index=False, header=list(genes))
table[["label"]].to_csv(labels, index=False)
