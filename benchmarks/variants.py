"""Holds generators of variants against each other on half of the people, and attacks them with people of known role.

    BENCH_DATA_HOME=... python benchmarks/variants.py "minigpt,markov,mosaic[switches=2]" [g1k_chr1]

The protocol of the figures in docs/variants.md: 1,252 people train, the same number of synthetic people is held against
the other 1,252; attacks ask about 626 members and 626 others, with the remaining 626 people as the reference.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from bench import AttackView, Variants, load_dataset, stream
from bench.datasets.folds import make_splits
from bench.registry.finding import create
from bench.registry.selection import choose
from bench.statistics.membership import membership_measures

METRICS = (
    "allele_frequencies",
    "linkage",
    "haplotype_windows",
    "adversarial_accuracy",
    "heterozygosity",
    "ancestry",
    "imputation",
)
ATTACKS = (
    "allele_ratio",
    "homer",
    "nearest_haplotype",
    "nearest_haplotype[calibrate=False]",
    "domias_markov",
    "model_loss",
    "model_loss[calibrate=False]",
)


def main(generators: str, dataset: str = "g1k_chr1") -> None:
    people = load_dataset(dataset).cohort
    assert isinstance(people, Variants)
    train, other = (lambda s: (s.train, s.holdout))(make_splits(people, seed=42, n_folds=2)[0])
    halves = make_splits(other, seed=42, n_folds=2)[0]
    outside, reference = halves.train, halves.holdout
    inside = train.take(stream(1, "members").permutation(len(train))[: len(outside)])
    targets = np.concatenate([inside.X, outside.X])
    labels = np.concatenate([inside.y, outside.y])
    member = np.arange(len(targets)) < len(inside)
    for choice in choose("generator", generators):
        started = time.process_time()
        model = create(choice.info, choice.overrides).fit(train, rng=stream(1, "fit"))
        fitted = time.process_time()
        made = model.sample(len(train), rng=stream(1, "sample"))
        drawn = time.process_time()
        print(f"\n{choice.label}: {fitted - started:.0f} CPU s to fit, {drawn - fitted:.0f} to draw {len(made)}")
        if hasattr(model, "losses"):
            for name, some in (("train", train), ("held out", other)):
                nats = model.losses(some, rng=stream(1, "losses"))[:, 0].mean() / some.calls.shape[1]
                print(f"  loss {name}: {nats:.2f} nats a sequence")
        for metric in choose("metric", ",".join(METRICS)):
            values = create(metric.info, metric.overrides)(train, other, made, rng=stream(1, metric.info.name))
            print("  " + ", ".join(f"{name} {value:.4f}" for name, value in values.items()))
        view = AttackView(
            synthetic=made.X, targets=targets, genes=made.genes, reference=reference.X, target_labels=labels,
            synthetic_labels=made.y, units="genotype", fitted=model,
        )  # fmt: skip
        for attack in choose("attack", ",".join(ATTACKS)):
            if attack.info.name == "model_loss" and not hasattr(model, "losses"):
                continue
            scores = create(attack.info, attack.overrides).score(view, rng=stream(1, "attack"))
            found = {r.measure: r for r in membership_measures(scores, member)}
            print(f"  {attack.label}: AUC {found['auc'].value:.3f} ({found['auc'].low:.3f} to {found['auc'].high:.3f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
