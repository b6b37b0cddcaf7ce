"""The fit command of my_command: reads the training data, leaves what sample needs in the model folder."""

import csv
import json
import statistics
import sys
from pathlib import Path


def main(data: str, labels: str, model: str) -> None:
    """Write the share of each class, and the mean and standard deviation of its genes."""
    with Path(data).open(encoding="utf-8", newline="") as file:
        genes, *rows = csv.reader(file)
    with Path(labels).open(encoding="utf-8", newline="") as file:
        y = [row[0] for row in csv.reader(file)][1:]
    classes = {}
    for label in sorted(set(y)):
        columns = list(zip(*(map(float, row) for row, mine in zip(rows, y) if mine == label)))
        means = [statistics.fmean(column) for column in columns]
        sds = [statistics.pstdev(column) for column in columns]
        classes[label] = {"share": y.count(label) / len(y), "means": means, "sds": sds}
    (Path(model) / "fitted.json").write_text(json.dumps({"genes": genes, "classes": classes}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
