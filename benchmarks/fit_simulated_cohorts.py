"""Estimates the parameters of the simulated cohorts from real data and writes ``bench/datasets/simulated_*.npz``.

Run it in a checkout, with a folder that holds the real files (TCGA-BRCA in the challenge's format, the miRNA table of
the twelve projects, the tissue profiles and the landmark genes)::

    python benchmarks/fit_simulated_cohorts.py FOLDER

Only aggregate statistics leave this script: moments per class and gene, gene loadings of pooled factors, moments of
sub-groups of at least `SMALLEST_GROUP` people. What cannot be estimated is in `BRCA` and `COMBINED`, set by hand until
the cohorts met the published statistics (tests/datasets/test_simulated_cohorts.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.cluster.vq import kmeans2

from bench.datasets.known.simulated import bend

Floats = NDArray[np.float64]
HERE = Path(__file__).resolve().parent.parent / "bench" / "datasets"
LEVELS = np.array([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995])
SMALLEST_GROUP = 15
NOISE = 0.3  # variance of a gene's own noise, as a share; sets how far the eigenvalues of the loadings are shrunk

BRCA_CLASSES = ("BRCA.Basal", "BRCA.Her2", "BRCA.LumA", "BRCA.LumB", "BRCA.Normal")
BRCA_LEAN = (  # share of the row's class that lies between it and the column's class
    (0.00, 0.03, 0.00, 0.01, 0.00),
    (0.04, 0.00, 0.04, 0.09, 0.00),
    (0.00, 0.00, 0.00, 0.13, 0.02),
    (0.02, 0.05, 0.34, 0.00, 0.00),
    (0.05, 0.02, 0.17, 0.00, 0.00),
)
BRCA = {
    "person_sd": 0.17, "module_share": 0.5, "module_decay": 0.5, "modules": 200, "lean_reach": 1.0,
}  # fmt: skip
BRCA_APART = 1.05  # class shifts are shrunk when estimated; this gives some of it back
BRCA_FACTORS, BRCA_GROUPS = 64, (3, 2, 4, 3, 1)

PROJECTS = {  # people, tissue, and the tissue profiles that stand in for the project
    "TCGA-BRCA": (920, "Breast", {"salivary": 0.5, "ucec": 0.5}),
    "TCGA-COAD": (385, "Colorectal", {"coad": 0.5, "read": 0.5}),
    "TCGA-ESCA": (155, "Esophagus", {"esca": 0.5, "hnsc": 0.3, "stad": 0.2}),
    "TCGA-KIRC": (447, "Kidney", {"kirc": 0.7, "kidney": 0.3}),
    "TCGA-KIRP": (244, "Kidney", {"kirp": 0.7, "kich": 0.3}),
    "TCGA-LIHC": (312, "Liver", {"lihc": 1.0}),
    "TCGA-LUAD": (434, "Lung", {"luad": 1.0}),
    "TCGA-LUSC": (420, "Lung", {"lusc": 0.7, "hnsc": 0.3}),
    "TCGA-OV": (353, "Ovarian", {"ucs": 0.6, "uterus": 0.4}),
    "TCGA-PAAD": (150, "Pancreatic", {"chol": 0.6, "stad": 0.4}),
    "TCGA-PRAD": (417, "Prostate", {"prad": 1.0}),
    "TCGA-SKCM": (86, "Skin", {"cervix": 0.5, "thca": 0.5}),
}
TECHNICAL = ("TCGA-OV", "TCGA-SKCM")  # their miRNA was sequenced apart: far from all others for no biological reason
COMBINED = {
    "person_sd": 0.17, "module_share": 0.3, "module_decay": 0.5, "modules": 200, "lean_reach": 1.0,
}  # fmt: skip
COMBINED_FACTORS = 40
BETWEEN = 160.0  # variance between classes, summed over genes
MARKERS = 0.9  # sd of the log of how strongly a gene differs between classes: few genes mark a tissue
COHERENCE = 1.11  # gene modules relative to TCGA-BRCA's
WITHIN = 0.93  # standard deviation of a gene within a class, relative to TCGA-BRCA
LEAN = 0.045  # share of each class that leans towards related ones


# -- estimates --------------------------------------------------------------------------------------------------------


def class_shifts(X: Floats, k: NDArray[np.int64]) -> Floats:
    """Return (K, p) class means minus the mean, each shrunk by what sampling noise explains of it."""
    shifts = []
    for c in range(k.max() + 1):
        mine = X[k == c]
        shift = mine.mean(axis=0) - X.mean(axis=0)
        shifts.append(shift * np.clip(1 - mine.var(axis=0, ddof=1) / len(mine) / shift**2, 0, 1))
    return np.array(shifts)


def residuals(X: Floats, k: NDArray[np.int64]) -> Floats:
    """Return (n, p) values minus the mean of their class."""
    return X - np.array([X[k == c].mean(axis=0) for c in range(k.max() + 1)])[k]


def class_log_sd(R: Floats, k: NDArray[np.int64]) -> Floats:
    """Return (K, p) log ratios of class to pooled standard deviation, shrunk towards the mean ratio of the class."""
    pooled, excess = pooled_sd(R, k), stats.kurtosis(R)
    ratios = []
    for c in range(k.max() + 1):
        ratio = np.log(R[k == c].std(axis=0, ddof=1) / pooled)
        noise = (2 + excess) / 4 / (k == c).sum()
        signal = max(ratio.var() - noise.mean(), 1e-4)
        ratios.append(ratio.mean() + (ratio - ratio.mean()) * signal / (signal + noise))
    return np.array(ratios)


def pooled_sd(R: Floats, k: NDArray[np.int64]) -> Floats:
    """Return (p,) standard deviations within classes."""
    sd: Floats = np.sqrt((R**2).sum(axis=0) / (len(R) - k.max() - 1))
    return sd


def gene_shapes(Z: Floats) -> tuple[Floats, Floats]:
    """Return (p,) skew and (p,) tail of `bend`, nearest to the quantiles of standardised values (n, p) on a grid."""
    wanted, normal = np.quantile(Z, LEVELS, axis=0), stats.norm.ppf(LEVELS)[:, None]  # (17, p), (17, 1)
    best, skew, tail = np.full(Z.shape[1], np.inf), np.zeros(Z.shape[1]), np.ones(Z.shape[1])
    for s in np.linspace(-1.2, 1.2, 61):
        for t in np.geomspace(0.5, 1.8, 41):
            distance = ((wanted - bend(normal, np.array([s]), np.array([t]))) ** 2).sum(axis=0)
            better = distance < best
            best[better], skew[better], tail[better] = distance[better], s, t
    return skew, tail


def factors(Z: Floats, r: int) -> tuple[Floats, Floats]:
    """Return (r, p) gene loadings on the Gaussian scale and (n, r) factor scores, which never leave this script.

    The sample eigenvalues are shrunk to those of a spiked model (Baik & Silverstein 2006): with as many genes as people
    they come out too large.
    """
    n, p = Z.shape
    N = stats.norm.ppf((stats.rankdata(Z, axis=0) - 0.5) / n)
    U, s, Vt = np.linalg.svd(N - N.mean(axis=0), full_matrices=False)
    b = s[:r] ** 2 / n + NOISE - p / n * NOISE
    spike = (b + np.sqrt(np.maximum(b**2 - 4 * NOISE * s[:r] ** 2 / n, 0))) / 2
    return Vt[:r] * np.sqrt(np.maximum(spike - NOISE, 0))[:, None], U[:, :r] * np.sqrt(n)


def sub_groups(F: Floats, k: NDArray[np.int64], wanted: tuple[int, ...]) -> dict[str, NDArray[np.generic]]:
    """Return share, mean and standard deviation of k-means groups inside each class, in factor scores (n, r)."""
    rows: list[tuple[int, float, Floats, Floats]] = []
    for c, n_groups in enumerate(wanted):
        mine = F[k == c] - F[k == c].mean(axis=0)
        label = kmeans2(mine[:, :6], n_groups, seed=1, minit="++", iter=50)[1]
        for members in (mine[label == g] for g in range(n_groups)):
            assert len(members) >= SMALLEST_GROUP
            mean = np.where(np.arange(F.shape[1]) < 8, members.mean(axis=0), 0)
            trust = len(members) / (len(members) + 30)
            prior = mine.var(axis=0) * np.where(np.arange(F.shape[1]) < 6, 0.6, 1)
            variance = trust * ((members - mean) ** 2).mean(axis=0) + (1 - trust) * prior
            rows.append((c, len(members) / len(mine), mean, np.sqrt(variance)))
    keys = ("group_class", "group_share", "group_mean", "group_sd")
    return {key: np.array(column) for key, column in zip(keys, zip(*rows, strict=True), strict=True)}


# -- the two cohorts --------------------------------------------------------------------------------------------------


def read_brca(folder: Path) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return people x genes of TCGA-BRCA and the index of each person's subtype."""
    values = pd.read_csv(folder / "TCGA-BRCA_primary_tumor_star_deseq_VST_lmgenes.tsv", sep="\t", index_col=0).T
    labels = pd.read_csv(folder / "TCGA-BRCA_primary_tumor_subtypes.csv").set_index("samplesID")["Subtype"]
    return values, np.searchsorted(BRCA_CLASSES, labels.loc[values.index].to_numpy(dtype=str))


def fit_brca(values: pd.DataFrame, k: NDArray[np.int64]) -> dict[str, object]:
    """Return the parameters of the simulated TCGA-BRCA cohort."""
    X = values.to_numpy(dtype=np.float64)
    R = residuals(X, k)
    sd, log_sd = pooled_sd(R, k), class_log_sd(R, k)
    Z = R / (sd * np.exp(log_sd[k]))
    skew, tail = gene_shapes(Z)
    loadings, scores = factors(Z, BRCA_FACTORS)
    return {
        "genes": values.columns.to_numpy(dtype=str), "classes": np.array(BRCA_CLASSES), "tissues": np.full(5, "Breast"),
        "counts": np.bincount(k), "mean": X.mean(axis=0), "sd": sd, "shift": BRCA_APART * class_shifts(X, k),
        "log_sd": log_sd,
        "skew": skew, "tail": tail, "loadings": loadings, "lean": np.array(BRCA_LEAN), "reference_size": 0,
        **sub_groups(scores, k, BRCA_GROUPS), **BRCA,
    }  # fmt: skip


def class_distances(folder: Path) -> Floats:
    """Return (12, 12) squared distances between the projects' mean miRNA profiles, in within-class sd."""
    values = pd.read_csv(folder / "TCGA-MIRNA12_primary_tumor_hiseq_log2rpm.tsv", sep="\t", index_col=0).T
    labels = pd.read_csv(folder / "TCGA-MIRNA12_primary_tumor_types.csv").set_index("samplesID").loc[values.index]
    k = np.searchsorted(list(PROJECTS), labels["cancer_type"].to_numpy(dtype=str))
    X = values.to_numpy(dtype=np.float64)
    means = np.array([X[k == c].mean(axis=0) for c in range(12)]) / pooled_sd(residuals(X, k), k)
    D = ((means[:, None] - means[None]) ** 2).mean(axis=2)
    usual = np.median(D[D > 0])
    for c in [list(PROJECTS).index(name) for name in TECHNICAL]:
        factor = usual / np.median(np.delete(D[c], c))
        D[c], D[:, c] = D[c] * factor, D[:, c] * factor
    return D


def class_profiles(folder: Path, genes: list[str]) -> Floats:
    """Return (12, p) centred profiles in log2 units: the projects' tissues, plus a part of the tumour's own."""
    labels = pd.read_csv(folder / "rnaseqdb_labels.csv")
    values = pd.read_parquet(folder / "rnaseqdb_log2cpm_lm.parquet").loc[labels["sample"]]
    means = values.groupby(labels["cohort"].to_numpy()).mean()
    symbols = pd.read_csv(folder / "f1000_lm_ensembl.tsv").set_index("ENSEMBL.ID").loc[genes, "Symbol"]
    rows = [
        sum(w * means.loc[c] for c, w in mix.items()).reindex(symbols).to_numpy() for _, _, mix in PROJECTS.values()
    ]
    profiles = np.array(rows, dtype=np.float64)
    profiles = np.nan_to_num(profiles - profiles.mean(axis=0))  # three genes have no profile: no shift
    tumour = np.random.default_rng(7).standard_t(3, size=profiles.shape)
    profiles += 0.5 * profiles.std() * tumour / tumour.std()
    centred: Floats = profiles - profiles.mean(axis=0)
    return centred


def with_distances(profiles: Floats, D: Floats) -> Floats:
    """Return (12, p) profiles turned and stretched, as little as can be, until their squared distances are D."""
    J = np.eye(len(D)) - 1 / len(D)
    gram, e = -J @ D @ J / 2, np.linalg.eigh(profiles @ profiles.T)
    root = _root(gram)
    inverse = e[1] @ np.diag(np.where(e[0] > 1e-9 * e[0].max(), np.maximum(e[0], 1e-12) ** -0.5, 0)) @ e[1].T
    U, _, Vt = np.linalg.svd(root @ _root(profiles @ profiles.T))
    turned: Floats = root @ U @ Vt @ inverse @ profiles
    return turned


def _root(gram: Floats) -> Floats:
    values, vectors = np.linalg.eigh(gram)
    root: Floats = vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def fit_combined(values: pd.DataFrame, folder: Path) -> dict[str, object]:
    """Return the parameters of the simulated pan-cancer cohort, built on TCGA-BRCA's genes and modules."""
    X, rng, K = values.to_numpy(dtype=np.float64), np.random.default_rng(11), len(PROJECTS)
    one, counts = np.zeros(len(X), dtype=np.int64), np.array([n for n, _, _ in PROJECTS.values()])
    sd = X.std(axis=0)
    Z = (X - X.mean(axis=0)) / sd
    skew, tail = gene_shapes(Z)
    loadings, scores = factors(Z, COMBINED_FACTORS)
    D = class_distances(folder)
    shift = with_distances(class_profiles(folder, list(values.columns)), D)
    shift -= counts @ shift / counts.sum()
    shift *= np.exp(MARKERS * np.random.default_rng(3).standard_normal(shift.shape[1]))
    shift *= np.sqrt(BETWEEN / (counts @ (shift**2).sum(axis=1) / counts.sum()))
    near = np.where(np.eye(K, dtype=bool), 0, np.exp(-4 * D / np.median(D)))
    return {
        "genes": values.columns.to_numpy(dtype=str), "classes": np.array(list(PROJECTS)),
        "tissues": np.array([t for _, t, _ in PROJECTS.values()]), "counts": counts, "mean": X.mean(axis=0) - shift[0],
        "sd": WITHIN * sd, "shift": shift, "log_sd": rng.normal(0, 0.15, shift.shape) * (np.arange(K) > 0)[:, None],
        "skew": skew, "tail": tail, "loadings": COHERENCE * loadings,
        "lean": LEAN * near / near.sum(axis=1, keepdims=True),
        "reference_size": 824, **_groups_of_all(sub_groups(scores, one, (5,)), K, rng), **COMBINED,
    }  # fmt: skip


def _groups_of_all(brca: dict[str, NDArray[np.generic]], K: int, rng: np.random.Generator) -> dict[str, object]:
    """Return TCGA-BRCA's sub-groups, and for each further class three that are drawn at random in the same space."""
    r, n = brca["group_sd"].shape[1], 3 * (K - 1)
    mean = np.where(np.arange(r) < 8, rng.normal(0, 0.6, (n, r)), 0)
    mean -= np.repeat(mean.reshape(K - 1, 3, r).mean(axis=1), 3, axis=0)
    sd = brca["group_share"] @ brca["group_sd"] * np.exp(rng.normal(0, 0.2, (n, r)))  # type: ignore[operator]
    return {
        "group_class": np.r_[brca["group_class"], np.repeat(np.arange(1, K), 3)],
        "group_share": np.r_[brca["group_share"], np.tile([0.5, 0.3, 0.2], K - 1)],
        "group_mean": np.vstack([brca["group_mean"], mean]),
        "group_sd": np.vstack([brca["group_sd"], sd]),
    }


def save(name: str, parameters: dict[str, object]) -> Path:
    """Write the parameters: loadings and log ratios in 8 bits with a step, other arrays as float16."""
    stored: dict[str, NDArray[np.generic]] = {}
    for key, value in parameters.items():
        array = np.asarray(value)
        if key in ("loadings", "log_sd"):
            step = np.abs(array).max(axis=1, keepdims=True) / 127 + 1e-12
            stored[key], stored[f"{key}_step"] = np.round(array / step).astype(np.int8), step.astype(np.float32)
        else:
            small = array.dtype.kind == "f" and array.ndim > 0
            stored[key] = array.astype(np.float16) if small else array
    path = HERE / f"simulated_{name}.npz"
    np.savez_compressed(path, **stored)  # type: ignore[arg-type]
    return path


def main(folder: Path) -> None:
    values, k = read_brca(folder)
    for name, parameters in (("brca", fit_brca(values, k)), ("combined", fit_combined(values, folder))):
        path = save(name, parameters)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
