"""Refutes DP-GEN's claim by counting: how often its mechanism answers with an image that is in the data, or is not.

    python benchmarks/refute_dpgen.py --draws 300

One image of `digits` is the canary. In each draw the mechanism passes once over the data in minibatches of 256, at a
noise level drawn from the published ones. With the canary in the data it is answered with in a share p of the draws;
without it never, since answers are images of the data. So delta is at least p, whatever epsilon is claimed: the lower
end of the 95 % interval of p is printed.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from bench.generators.images._dpgen_mechanism import times_answered

from bench import load_dataset
from bench.statistics.membership import clopper_pearson


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=300)
    draws = parser.parse_args().draws
    X = load_dataset("digits").cohort.X[:1437].astype(np.float64)
    levels = np.geomspace(50, 0.01, 232)
    for epsilon in (0.2, 1.0, 10.0):
        rng, start = np.random.default_rng(1), time.process_time()
        seen = sum(times_answered(X, 7, 256, float(rng.choice(levels)), epsilon, 5.0, 1, rng) for _ in range(draws))
        low, high = clopper_pearson(seen, draws)
        seconds = time.process_time() - start
        print(
            f"claimed epsilon {epsilon:4g}: answered with in {seen}/{draws} draws ({low:.3f} to {high:.3f}), without "
            f"the image in 0; measured delta >= {low:.2f}; {seconds:.0f} CPU s"
        )


if __name__ == "__main__":
    main()
