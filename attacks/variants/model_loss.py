"""Model loss: how well the released model itself knows a person, less how well the population explains him."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import AttackView, PluginError, Variants, attack
from bench.statistics.contexts import Contexts

from ._people import Floats, as_people, seen, sequences


@attack("model_loss", modalities=("variants",), access="white-box", opt_in=True, family="model")
@dataclass(kw_only=True)
class ModelLoss:
    """Score a target by how much likelier it is under the released model than under a chain of the reference.

    Threat model: the attacker holds the fitted model, for example because its weights were published, and people of the
    population who are no members. A generator offers the loss of people by a method ``losses``, in nats. A person of
    common haplotypes has a small loss under any model, and so the loss under a Markov chain that was counted in the
    reference is taken off (difficulty calibration). The harness trains the attacked generator once more to hand it on.

    After Watson, Guo, Cormode and Sablayrolles 2022 (arXiv 2111.08440).
    """

    order: int = 20  # sites, of the chain of the reference
    calibrate: bool = True  # False reads the released model alone

    def score(self, view: AttackView, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_targets,) log ratios of likelihoods, in nats."""
        if view.fitted is None:
            raise PluginError("model_loss reads the fitted model, but the view does not grant it.")
        people = as_people(view.genes, view.targets, view.target_labels)
        gain = -losses_of(view.fitted, people)
        if self.calibrate:
            known = seen(view, "model_loss")
            chain = Contexts(sequences(known.reference), alphabet=known.alphabet, order=self.order, strength=1.0)
            gain += chain.losses(sequences(known.targets)).reshape(len(people), -1).sum(axis=1)
        return gain


def losses_of(model: Any, people: Variants) -> Floats:
    """Return (n,) the first loss that a model offers of each person.

    Raises
    ------
    PluginError
        If it offers none, or something else than finite numbers.
    """
    if not callable(getattr(model, "losses", None)):
        raise PluginError(f"{type(model).__name__} offers no losses, so that its weights say nothing to this attack.")
    found = np.asarray(model.losses(people, rng=np.random.default_rng(0)), dtype=np.float64)
    if found.ndim != 2 or len(found) != len(people) or not np.isfinite(found).all():
        raise PluginError(f"losses returned shape {found.shape}; expected ({len(people)}, n_terms) finite numbers.")
    first: Floats = found[:, 0]
    return first
