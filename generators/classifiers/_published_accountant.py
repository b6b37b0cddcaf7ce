"""The accountant of the published Table I, so that its numbers can be told from what is known today.

Zhang and Bonomi (2022) print epsilon 45.98, 255,130 and 65,580,612 for noise multipliers 1, 0.1 and 0.01. They are
Renyi differential privacy of the subsampled Gaussian mechanism at 1,536 people in batches of 64 over 500 epochs, delta
1e-5, on orders 1.1 to 10.9 and 12 to 63, turned into epsilon by the classic conversion. The last two are what a grid of
orders that begins at 1.1 gives, not what the mechanism costs.

References
----------
Mironov (2017), Renyi differential privacy, CSF, doi:10.1109/CSF.2017.11: the classic conversion.
Mironov, Talwar and Zhang (2019), arXiv:1908.10530: the mechanism.
"""

from __future__ import annotations

import math

from opacus.accountants.analysis import rdp

ORDERS = (*(1 + x / 10 for x in range(1, 100)), *(float(x) for x in range(12, 64)))
TABLE_1 = {"rate": 1 / 24, "steps": 12_000, "delta": 1e-5}


def classic_epsilon(sigma: float, *, rate: float, steps: int, delta: float) -> tuple[float, float]:
    """Return epsilon by RDP(a) - log(delta) / (a - 1), least over the orders, and that order.

    Parameters
    ----------
    sigma : noise multiplier
    rate : probability of a person to be in a batch
    steps : number of batches
    delta : of the guarantee
    """
    spent = rdp.compute_rdp(q=rate, noise_multiplier=sigma, steps=steps, orders=list(ORDERS))
    return min((float(cost) - math.log(delta) / (order - 1), order) for cost, order in zip(spent, ORDERS, strict=True))
