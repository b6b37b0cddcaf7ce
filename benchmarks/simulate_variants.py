"""Simulates the people of ``bench/datasets/simulated_g1k_chr1.npz``, who stand in where the real haplotypes are not.

Run it in a checkout where msprime is installed::

    pip install "msprime>=1.4,<2" && python benchmarks/simulate_variants.py

The demography is the three-population out-of-Africa model of Gutenkunst et al. 2009 (doi 10.1371/journal.pgen.1000695)
with the numbers that stdpopsim's ``OutOfAfrica_3G09`` has; recombination is 1e-8 a base and generation throughout, and
mutation 2.35e-8. No measured genotype enters. Two runs with one version of msprime give the same file.
"""

from __future__ import annotations

from pathlib import Path

import msprime
import numpy as np

HERE = Path(__file__).resolve().parent.parent / "bench" / "datasets" / "simulated_g1k_chr1.npz"
PEOPLE = {"AFR": 835, "EUR": 835, "EAS": 834}  # 2,504, as in the third phase of the 1000 Genomes
LENGTH, START, SEED = 140_000, 11_700_000, 1804
RECOMBINATION, MUTATION, LEAST = 1e-8, 2.35e-8, 0.01  # a base and generation; the least minor-allele frequency


def out_of_africa() -> msprime.Demography:
    """Return the model: sizes in people, times in generations before now, migration a generation."""
    model = msprime.Demography()
    model.add_population(name="AFR", initial_size=12300)
    model.add_population(name="EUR", initial_size=29725.34354, growth_rate=0.004)
    model.add_population(name="EAS", initial_size=54090.33108, growth_rate=0.0055)
    for pair, rate in ((("AFR", "EUR"), 3e-5), (("AFR", "EAS"), 1.9e-5), (("EUR", "EAS"), 9.6e-5)):
        model.set_symmetric_migration_rate(pair, rate)
    model.add_mass_migration(time=848, source="EAS", dest="EUR", proportion=1.0)
    model.add_migration_rate_change(time=848, rate=0)
    model.add_symmetric_migration_rate_change(time=848, populations=["AFR", "EUR"], rate=2.5e-4)
    model.add_population_parameters_change(time=848, population="EUR", initial_size=2100, growth_rate=0)
    model.add_mass_migration(time=5600, source="EUR", dest="AFR", proportion=1.0)
    model.add_migration_rate_change(time=5600, rate=0)
    model.add_population_parameters_change(time=8800, population="AFR", initial_size=7300)
    return model


def main() -> None:
    trees = msprime.sim_ancestry(
        PEOPLE, demography=out_of_africa(), sequence_length=LENGTH, recombination_rate=RECOMBINATION, random_seed=SEED
    )
    trees = msprime.sim_mutations(trees, rate=MUTATION, model=msprime.HKY(kappa=4.0), random_seed=SEED)
    bits, names, seen = [], [], 0
    for site in trees.variants():
        seen += 1
        carried = site.genotypes == 1
        frequency = carried.mean()
        if site.num_alleles == 2 and min(frequency, 1 - frequency) >= LEAST:
            bits.append(carried)
            names.append(f"1:{START + int(site.site.position)}:{site.alleles[0]}>{site.alleles[1]}")
    haplotypes = np.array(bits).T  # (2 * n_people, n_sites); the two of a person are neighbours
    population = np.repeat(np.arange(len(PEOPLE)), list(PEOPLE.values()))
    order = np.random.default_rng(SEED).permutation(len(population))
    both = haplotypes.reshape(len(population), 2, -1)[order]
    np.savez_compressed(
        HERE,
        bits=np.packbits(both.reshape(2 * len(order), -1).T, axis=1),  # sites in rows: neighbours are alike
        sites=np.array(names),
        labels=np.array(list(PEOPLE))[population[order]],
    )
    print(f"{both.shape[0]} people x {len(names)} of {seen} sites, {HERE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
