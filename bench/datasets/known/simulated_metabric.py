"""The model of the simulated METABRIC: the shipped model of breast cancer, on the scale of an array, with all genes.

METABRIC's own values are in no file here, and nobody of it was looked at. What is public of it: its classes, their
sizes, and what its array does. The 978 landmark genes keep the means, classes, modules and sub-groups
of `simulated_brca.npz`, moved to the range of log intensities, whose noise floor hides what is weakly expressed. Each
further gene follows one landmark gene by a share of its own, and is noise of its own for the rest; half of them are not
expressed. The class claudin-low, which TCGA's labels lack, lies between Basal and Normal with a programme of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.core.seeds import stream
from bench.datasets.gene_lists import landmark_genes

if TYPE_CHECKING:
    from bench.datasets.known.simulated import Parameters

# CLAUDIN_SUBTYPE of the people with expression, without six that are not classified and those without a call
SIZES = {"Basal": 209, "Her2": 224, "LumA": 700, "LumB": 475, "Normal": 148, "claudin-low": 218}
N_GENES = 20_000
_FLOOR, _SPAN = 5.4, 0.55  # log2 intensity of nothing, and of one step of VST above the weakest
_WEAK = 6.0  # VST below which an array sees little more than its floor
_SILENT = 0.5  # share of further genes that are not expressed
_OWN_GENES, _OWN_SHIFT = 0.1, 0.8  # of claudin-low: share of the genes, and standard deviation of their shift
Floats = NDArray[np.float64]


def metabric_parameters(brca: Parameters, n_genes: int = N_GENES) -> Parameters:
    """Return the model of METABRIC's people.

    Parameters
    ----------
    brca : the model of TCGA's
    n_genes : the landmark genes come first; fewer are for tests
    """
    rng = stream(0, "simulated", "metabric", "model")
    brca = _with_claudin_low(_on_an_array(brca), rng)
    known = len(brca.genes)
    parent = np.concatenate([np.arange(known), rng.integers(known, size=N_GENES - known)])
    silent = rng.random(N_GENES - known) < _SILENT
    follows = np.where(silent, 0.1 * rng.random(N_GENES - known), rng.beta(2, 2, N_GENES - known))
    share = np.concatenate([np.ones(known), follows * np.where(rng.random(N_GENES - known) < 0.85, 1, -1)])
    height = np.where(silent, _FLOOR + rng.gamma(2, 0.12, N_GENES - known), rng.choice(brca.mean, N_GENES - known))
    spread = np.where(silent, rng.gamma(8, 0.02, N_GENES - known), rng.choice(brca.sd, N_GENES - known))
    wider = np.concatenate([np.ones(known), spread / brca.sd[parent[known:]]])[:n_genes]
    of, share = parent[:n_genes], share[:n_genes]
    symbols = {ensembl: symbol for ensembl, symbol, _ in landmark_genes()}
    names = [symbols[gene] for gene in brca.genes.tolist()]
    names += [f"SIM{i + 1:05d}" for i in range(known, N_GENES)]
    return replace(
        brca,
        genes=np.array(names[:n_genes], dtype=np.str_),
        mean=np.concatenate([brca.mean, height])[:n_genes],
        sd=np.concatenate([brca.sd, spread])[:n_genes],
        shift=brca.shift[:, of] * share * wider,
        log_sd=brca.log_sd[:, of] * np.abs(share),
        skew=brca.skew[of] * np.sign(share),
        tail=brca.tail[of],
        loadings=brca.loadings[:, of] * share,
    )


def _on_an_array(brca: Parameters) -> Parameters:
    """Return the model in log2 intensities; what lies near the floor of the array varies less."""
    seen = 1 / (1 + np.exp(-(brca.mean - _WEAK)))  # how far above the floor, 0 to 1
    step = _SPAN * np.clip(seen, 0.2, 1)
    above = np.logaddexp(0, brca.mean - _WEAK)
    return replace(brca, mean=_FLOOR + _SPAN * above, sd=brca.sd * step, shift=brca.shift * step)


def _with_claudin_low(brca: Parameters, rng: np.random.Generator) -> Parameters:
    """Return the model with METABRIC's names and sizes of classes, and one class more, the last."""
    classes = [label.removeprefix("BRCA.") for label in brca.classes.tolist()]
    basal, normal = classes.index("Basal"), classes.index("Normal")
    own = (rng.random(len(brca.genes)) < _OWN_GENES) * rng.normal(0, _OWN_SHIFT, len(brca.genes)) * brca.sd
    mine = brca.group_class == basal
    return replace(
        brca,
        classes=np.array([*classes, "claudin-low"], dtype=np.str_),
        tissues=np.array(["Breast"] * (len(classes) + 1), dtype=np.str_),
        counts=np.array([SIZES[label] for label in [*classes, "claudin-low"]]),
        shift=np.vstack([brca.shift, (brca.shift[basal] + brca.shift[normal]) / 2 + own]),
        log_sd=np.vstack([brca.log_sd, brca.log_sd[basal]]),
        group_class=np.concatenate([brca.group_class, np.full(mine.sum(), len(classes))]),
        group_share=np.concatenate([brca.group_share, brca.group_share[mine]]),
        group_mean=np.vstack([brca.group_mean, brca.group_mean[mine] / 2]),
        group_sd=np.vstack([brca.group_sd, brca.group_sd[mine]]),
        lean=np.pad(brca.lean, (0, 1)),
    )
