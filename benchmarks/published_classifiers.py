"""What Zhang and Bonomi (2022) published, done again: errors of sanitisers, models of sanitised data, DP-SGD's clip.

    BENCH_DATA_HOME=... python benchmarks/published_classifiers.py errors|models|clip [dataset ...]

Writes results/published/<part>_<dataset>.csv; `tables` prints them for the documents, and `picture` draws
docs/pictures/published_classifiers.png from them and from the rows of released classifiers. Rows of people are put at
unit length, in the order of the file's genes: as they are (none), or standardised before by the shipped prior (public)
or by the people trained on (cohort), which no guarantee covers.

errors : their Figure 2, the mean distance of a person's row from the released one, over epsilon and the number K of
    coefficients; what is lost by cutting alone is beside it.
models : their Table II, classifiers of the sanitised coefficients (K = 50), judged on held-out people in the same
    coordinates, with noise and without, and attacked by Song and Mittal's attacks with the real coefficients.
clip : why their Table I has 0.29 to 0.45 at any noise: DP-SGD with a learning rate as published and one over the clip.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from bench.generators._dpsgd import PrivateSteps, train_privately
from bench.generators._torch import torch_generator
from bench.generators.classifiers._deeptype_net import Net
from bench.generators.classifiers._sanitise import Scale, cosines, laplace_noise, radial_noise

from bench import Cohort, load_dataset, stream
from bench.boundary.views import candidates, view_of
from bench.core.released import ReleasedModel
from bench.core.roles import Split
from bench.datasets.folds import make_splits
from bench.registry.finding import create, find
from bench.registry.selection import made
from bench.statistics.membership import auc

OUT = Path("results/published")
EPSILONS = (10.0, 50.0, 100.0, 200.0, 500.0)
COEFFICIENTS = (10, 25, 50, 100, 200)
PUBLISHED = (50.0, 100.0, 200.0)
NO_NOISE = 1e9
ATTACKS = ("model_gap", "model_confidence", "model_entropy", "model_modified_entropy", "model_risk_score")
CLASSIFIERS = {"logistic": "logistic[C=100]", "mlp": "mlp[epochs=100,decay=0]"}
SCALES = ("none", "public", "cohort")
Row = dict[str, str | int | float]


def unit_rows(X: np.ndarray, scale: Scale) -> np.ndarray:
    """Return people on a scale, at length 1."""
    rows: np.ndarray = (X.astype(np.float64) - scale.centre) / scale.spread
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def noise(how: str, n: int, k: int, epsilon: float, rng: np.random.Generator) -> np.ndarray:
    """Return the noise of a mechanism, (n, k)."""
    return radial_noise(n, k, epsilon, rng) if how == "sampling" else laplace_noise(n, k, epsilon, "l2", rng)


# -- Figure 2 ----------------------------------------------------------------------------------------------------------


def errors(name: str) -> Iterator[Row]:
    """Yield the mean distance of a row from the released one, for each mechanism, K and epsilon."""
    cohort = load_dataset(name).expression
    for scale in ("none", "cohort"):
        rows = unit_rows(cohort.X, Scale.of(cohort, None if scale == "none" else scale, "errors"))
        apart = rows[stream(1, "errors", "pairs").permutation(len(rows))]
        for k, how in ((k, how) for k in COEFFICIENTS for how in ("sampling", "laplace")):
            kept = rows @ cosines(rows.shape[1], k)
            cut = np.maximum(1 - (kept**2).sum(axis=1), 0)  # squared, lost by cutting
            for epsilon in EPSILONS:
                added = noise(how, len(rows), k, epsilon, stream(1, "errors", name, how, k, epsilon))
                distance = np.sqrt(cut + (added**2).sum(axis=1))  # the two are orthogonal
                yield {
                    "scale": scale, "mechanism": how, "coefficients": k, "epsilon": epsilon,
                    "error": round(float(distance.mean()), 5), "cut": round(float(np.sqrt(cut).mean()), 5),
                    "two_people": round(float(np.median(np.linalg.norm(rows - apart, axis=1))), 5),
                }  # fmt: skip


# -- Table II ----------------------------------------------------------------------------------------------------------


def models(name: str) -> Iterator[Row]:
    """Yield accuracies and attacks for each scale, mechanism, epsilon, classifier and fold."""
    dataset = load_dataset(name)
    folds = 1 if dataset.simulated else 5
    cases = [("sampling", NO_NOISE), *((h, e) for h in ("sampling", "laplace") for e in PUBLISHED)]
    for split in list(make_splits(dataset.cohort, seed=42))[:folds]:
        for where in ("none", "cohort") if dataset.simulated else SCALES:  # the prior knows landmark genes alone
            scale = Scale.of(split.train, None if where == "none" else where, "models")
            train, holdout = coefficients(split.train, scale), coefficients(split.holdout, scale)
            real = Split(train, holdout, split.fold, split.seed)
            for how, epsilon in cases:
                rng = stream(split.fold, "models", name, how, epsilon)
                noisy = [moved(people, noise(how, len(people), 50, epsilon, rng)) for people in (train, holdout)]
                for title, text in CLASSIFIERS.items():
                    yield {
                        "fold": split.fold, "scale": where, "mechanism": how, "epsilon": epsilon, "classifier": title,
                        **judged(text, real, noisy, f"{name} {where} {how} {epsilon:g} {split.fold}"),
                    }  # fmt: skip


def coefficients(people: Cohort, scale: Scale) -> Cohort:
    """Return people in their first 50 cosines, on a scale and at unit length before."""
    return Cohort(
        X=unit_rows(people.X, scale) @ cosines(people.n_genes, 50), y=people.y, genes=tuple(f"c{i}" for i in range(50)),
        samples=people.samples, units="zscore",
    )  # fmt: skip


def moved(people: Cohort, by: np.ndarray) -> Cohort:
    """Return people with their values moved."""
    return Cohort(X=people.X + by, y=people.y, genes=people.genes, samples=people.samples, units=people.units)


def judged(text: str, real: Split, noisy: list[Cohort], words: str) -> Row:
    """Return accuracies of a classifier of noisy rows, and the AUC of each attack on it with the real rows."""
    plugin = made("generator", text)
    fitted = plugin.fit(noisy[0], rng=stream(2, "fit", words))
    model: ReleasedModel = fitted.release(rng=stream(2, "release", words)).answered_by(plugin.predict_proba)
    view, member = view_of(real, words, model, "query"), candidates(real, words).member
    found: Row = {
        "accuracy": round(float((model.predict(real.holdout.X) == real.holdout.y).mean()), 4),
        "accuracy_sanitised": round(float((model.predict(noisy[1].X) == real.holdout.y).mean()), 4),
    }
    for name in ATTACKS:
        scores = create(find("attack", name)).score(view, rng=stream(3, name))
        found[name] = round(float(auc(scores, member).value), 4)
    return found


# -- Table I -----------------------------------------------------------------------------------------------------------

# the published network in small (978-64-32-5) and an eighth of the published steps, so that a training takes half a
# minute; genes on [0, 1] by the people trained on, as published
STEPS, RATE, BATCH, SIGMA = 1500, 1 / 24, 36.0, 0.01
CLIPS = (0.1, 0.01, 0.001)
WAYS: dict[str, float] = {"SGD, 0.001": 1e-3, "SGD, 0.3 / clip": 0.3}


def clip(name: str) -> Iterator[Row]:
    """Yield the accuracy of DP-SGD on the first fold, with the published learning rate and with one over the clip."""
    split = next(iter(make_splits(load_dataset(name).cohort, seed=42)))
    low, high = split.train.X.min(axis=0), split.train.X.max(axis=0)
    x, others = (torch.from_numpy((people.X - low) / (high - low)) for people in (split.train, split.holdout))
    classes, codes = np.unique(split.train.y, return_inverse=True)
    y = torch.from_numpy(codes)

    def loss(net: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(net(x[rows]), y[rows], reduction="none")

    for length in CLIPS:
        for title, rate in WAYS.items():
            rate = rate / length if "clip" in title else rate
            rng = stream(4, "clip")
            net = Net((x.shape[1], 64, 32, len(classes)), torch_generator(rng))
            optimiser = torch.optim.SGD(net.parameters(), lr=rate)
            plan = PrivateSteps(STEPS, RATE, SIGMA)
            train_privately(net, loss, len(x), plan, optimiser, clip=length, divisor=BATCH, rng=rng)
            with torch.no_grad():
                found = classes[net(others).argmax(dim=1).numpy()]
            yield {
                "clip": length, "learning_rate": title, "most_movement": round(rate * length * STEPS, 6),
                "accuracy": round(float((found == split.holdout.y).mean()), 4),
                "largest_class": round(float(np.unique(split.holdout.y, return_counts=True)[1].max() / len(others)), 4),
            }  # fmt: skip


# -- what is shown -----------------------------------------------------------------------------------------------------

TABLE_2 = {50.0: (0.58, 0.50), 100.0: (0.69, 0.52), 200.0: (0.67, 0.55)}  # accuracy and AUC, as published
TABLE_1 = {45.98: (0.29, 0.45)}  # epsilon at sigma 1, and the least and the largest accuracy of the table
COHORTS = {"brca": "brca", "metabric-simulated": "METABRIC, SIMULATED"}


def read(part: str, slug: str) -> list[dict[str, str]]:
    """Return the rows of a part, none if it was not computed."""
    path = OUT / f"{part}_{slug}.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def mean_of(rows: list[dict[str, str]], column: str, **where: str) -> float:
    """Return the mean of a column over the rows that fit."""
    return float(np.mean([float(row[column]) for row in rows if all(row[k] == v for k, v in where.items())]))


def strongest(rows: list[dict[str, str]], **where: str) -> float:
    """Return the largest of the attacks' mean AUC."""
    return max(mean_of(rows, attack, **where) for attack in ATTACKS)


def tables() -> None:
    """Print the tables of the documents."""
    for slug, title in COHORTS.items():
        rows = read("errors", slug)
        for scale in dict.fromkeys(row["scale"] for row in rows):
            of = {"scale": scale}
            print(f"\n{title}, scale {scale}: two people are {mean_of(rows, 'two_people', **of):.2f} apart\n")
            print("| K | cut alone | " + " | ".join(f"epsilon {e:g}" for e in EPSILONS) + " |")
            print("|---|---|" + "---|" * len(EPSILONS))
            for k in map(str, COEFFICIENTS):
                cells = [f"{mean_of(rows, 'cut', coefficients=k, **of):.2f}"]
                for epsilon in map(str, EPSILONS):
                    at = {"coefficients": k, "epsilon": epsilon, **of}
                    both = [mean_of(rows, "error", mechanism=how, **at) for how in ("sampling", "laplace")]
                    cells.append(f"{both[0]:.2f} ({both[1]:.2f})")
                print(f"| {k} | " + " | ".join(cells) + " |")
        rows = read("models", slug)
        print(
            f"\n{title}\n\n| scale | mechanism | epsilon | {' | '.join(f'{c}: accuracy | AUC' for c in CLASSIFIERS)} |"
        )
        print("|---|---|---|" + "---|---|" * len(CLASSIFIERS))
        for scale, how, epsilon in dict.fromkeys((r["scale"], r["mechanism"], r["epsilon"]) for r in rows):
            cells = []
            for classifier in CLASSIFIERS:
                at = {"scale": scale, "mechanism": how, "epsilon": epsilon, "classifier": classifier}
                cells += [f"{mean_of(rows, 'accuracy', **at):.3f}", f"{strongest(rows, **at):.3f}"]
            words = "no noise" if float(epsilon) == NO_NOISE else f"{float(epsilon):g}"
            print(f"| {scale} | {how} | {words} | " + " | ".join(cells) + " |")
    rows = read("clip", "brca")
    print("\n| clip | learning rate | moves at most | accuracy |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['clip']} | {row['learning_rate']} | {row['most_movement']} | {float(row['accuracy']):.3f} |")


def picture() -> None:
    """Draw errors over epsilon, and accuracy over the ordinary epsilon of every way to release a classifier."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from bench.report.board import make_board
    from bench.store.rows import read_rows

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    rows = read("errors", "brca")
    for k in map(str, COEFFICIENTS):
        at = {"coefficients": k, "mechanism": "sampling", "scale": "cohort"}
        found = [mean_of(rows, "error", epsilon=str(e), **at) for e in EPSILONS]
        axes[0].plot(EPSILONS, found, marker="o", label=f"K = {k}")
    axes[0].set(xscale="log", yscale="log", xlabel="epsilon per unit of distance", ylabel="distance, rows of length 1")
    axes[0].set_title("brca: how far a sanitised row is from its person")
    axes[0].axhline(mean_of(rows, "two_people", scale="cohort"), color="grey", lw=0.8, ls=":")
    axes[0].legend(fontsize=8)

    board = make_board(read_rows(Path("results/rows/brca-models.csv"))[0], simulated=False)
    ours = {1: "dp_logistic[epsilon=1.0]", 4: "dp_logistic[epsilon=4.0]", 10: "dp_logistic"}
    axes[1].plot(
        list(ours), [board.summary(label, "model_accuracy").mean for label in ours.values()], marker="o",
        label="brca: dp_logistic",
    )  # fmt: skip
    for slug, title in COHORTS.items():
        rows = read("models", slug)
        for scale in dict.fromkeys(row["scale"] for row in rows if row["scale"] != "none"):
            at = {"mechanism": "sampling", "classifier": "logistic", "scale": scale}
            found = [mean_of(rows, "accuracy", epsilon=str(e), **at) for e in PUBLISHED]
            axes[1].plot([2 * e for e in PUBLISHED], found, marker="s", label=f"{title}: DCT sampling, scale {scale}")
    axes[1].plot(
        [2 * e for e in TABLE_2], [pair[0] for pair in TABLE_2.values()], marker="x", color="black",
        label="METABRIC, published: DeepType of DCT sampling",
    )  # fmt: skip
    for epsilon, both in TABLE_1.items():
        axes[1].vlines(epsilon, *both, color="black", lw=3, label="METABRIC, published: DeepType by DP-SGD")
    axes[1].set(xscale="log", xlabel="ordinary epsilon (sanitisers: local, labels not covered)", ylabel="accuracy")
    axes[1].set(title="use at what guarantee", ylim=(0.2, 0.95))
    axes[1].legend(fontsize=7, loc="lower left")
    figure.savefig("docs/pictures/published_classifiers.png", dpi=130, metadata={"Software": None})


def main() -> None:
    if sys.argv[1] in ("tables", "picture"):
        (tables if sys.argv[1] == "tables" else picture)()
        return
    part, names = sys.argv[1], sys.argv[2:] or ["brca"]
    for name in names:
        rows = list({"errors": errors, "models": models, "clip": clip}[part](name))
        slug = load_dataset(name).slug
        OUT.mkdir(parents=True, exist_ok=True)
        with (OUT / f"{part}_{slug}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        print(OUT / f"{part}_{slug}.csv", len(rows), "rows", flush=True)


if __name__ == "__main__":
    main()
