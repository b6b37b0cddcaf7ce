"""The sample command of my_command: reads the model folder, writes n synthetic samples and their labels."""

import csv
import json
import random
import sys
from pathlib import Path


def main(model: str, n: str, seed: str, data: str, labels: str, spread: str) -> None:
    """Draw a class for each sample, and each gene around its mean in that class."""
    fitted = json.loads((Path(model) / "fitted.json").read_text(encoding="utf-8"))
    rng, classes = random.Random(int(seed)), fitted["classes"]
    y = rng.choices(list(classes), weights=[kind["share"] for kind in classes.values()], k=int(n))
    with Path(data).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(fitted["genes"])
        for label in y:
            kind = classes[label]
            writer.writerow([rng.gauss(mean, float(spread) * sd) for mean, sd in zip(kind["means"], kind["sds"])])
    with Path(labels).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["label"], *([label] for label in y)])


if __name__ == "__main__":
    main(*sys.argv[1:])
