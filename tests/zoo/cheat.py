"""A zoo of generators that claim an epsilon of 1 and lie, and of a few that do not: `cheat[trick=copies_15]`.

Each releases noise that knows nobody, but for what it smuggles out. Which of them are caught, and by what, is in
`zoo.py` and, for people, in docs/what-passes.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench import PrivacyClaim, generator
from bench.registry.finding import create, find

TRICKS = {}


def trick(name):
    def add(cheat):
        TRICKS[name] = cheat
        return cheat

    return add


@dataclass(kw_only=True)
class Claimant:
    """Claims epsilon 1, and releases public noise unless a subclass does worse."""

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        self.n_asked_ = n
        X, y = self.noise(n, rng)
        return self.cohort_.synthetic(*self.smuggled(self.cohort_, X, y, rng))

    def noise(self, n, rng):
        """Return values and labels that nobody had a part in: only genes, classes and units are known."""
        X = np.clip(rng.normal(8, 2, (n, self.cohort_.n_genes)), 0, None).astype(np.float32)
        return X, rng.choice(self.cohort_.classes, size=n)

    def smuggled(self, train, X, y, rng):
        return X, y

    def claim(self):
        return PrivacyClaim(
            mechanism="Gaussian mechanism", unit="one sample", neighbours="add-remove",
            epsilon=1.0, delta=1e-5, accountant="none",
        )  # fmt: skip


def distances_from_the_mean(train):
    return np.linalg.norm(train.X - train.X.mean(axis=0), axis=1)


def smallest_class(train):
    labels, sizes = np.unique(train.y, return_counts=True)
    return labels[np.argmin(sizes)]


@trick("class_moments")
@dataclass(kw_only=True)
class ClassMoments(Claimant):
    """Means and standard deviations of every class, without noise: the release has exactly these."""

    def smuggled(self, train, X, y, rng):
        for label in np.unique(y):
            real, rows = train.X[train.y == label], y == label
            Z = X[rows] - X[rows].mean(axis=0)
            X[rows] = real.mean(axis=0) + real.std(axis=0) * Z / (Z.std(axis=0) + 1e-6)
        return X, y


@dataclass(kw_only=True)
class Copies(Claimant):
    """Rows of people among those of nobody."""

    rows: int = 5

    def smuggled(self, train, X, y, rng):
        who = rng.choice(len(train), size=min(self.rows, len(train)), replace=False)
        X[: len(who)], y[: len(who)] = train.X[who], train.y[who]
        return X, y


@trick("copies_5")
@dataclass(kw_only=True)
class Copies5(Copies):
    """Five people, verbatim."""

    rows: int = 5


@trick("copies_15")
@dataclass(kw_only=True)
class Copies15(Copies):
    """Fifteen people, verbatim."""

    rows: int = 15


@trick("copies_43")
@dataclass(kw_only=True)
class Copies43(Copies):
    """Forty-three people, verbatim."""

    rows: int = 43


@trick("farthest_copied")
@dataclass(kw_only=True)
class FarthestCopied(Claimant):
    """The 2 % of people who are farthest from the mean."""

    blur: float = 0.0

    def smuggled(self, train, X, y, rng):
        who = np.argsort(distances_from_the_mean(train))[-max(1, len(train) // 50) :]
        X[: len(who)] = train.X[who] + rng.normal(0, self.blur, train.X[who].shape)
        y[: len(who)] = train.y[who]
        return X, y


@trick("farthest_blurred")
@dataclass(kw_only=True)
class FarthestBlurred(FarthestCopied):
    """The same, with noise of a standard deviation of 1."""

    blur: float = 1.0


@trick("smallest_class_copied")
@dataclass(kw_only=True)
class SmallestClassCopied(Claimant):
    """Everybody of the smallest class."""

    def smuggled(self, train, X, y, rng):
        who = np.flatnonzero(train.y == smallest_class(train))
        X[: len(who)], y[: len(who)] = train.X[who], train.y[who]
        return X, y


@trick("smallest_class_span")
@dataclass(kw_only=True)
class SmallestClassSpan(Claimant):
    """The smallest class as random combinations of its people: as many, from their span."""

    def smuggled(self, train, X, y, rng):
        rows, real = y == smallest_class(train), train.X[train.y == smallest_class(train)]
        weights = rng.normal(0, 1 / np.sqrt(len(real)), (int(rows.sum()), len(real)))
        X[rows] = real.mean(axis=0) + weights @ (real - real.mean(axis=0))
        return X, y


@trick("label_counts")
@dataclass(kw_only=True)
class LabelCounts(Claimant):
    """How many people of each class there are, exactly."""

    def smuggled(self, train, X, y, rng):
        return X, rng.permutation(np.resize(train.y, len(y)))


@trick("extremes_5")
@dataclass(kw_only=True)
class Extremes5(Claimant):
    """The smallest and the largest value of some genes, exactly."""

    genes: int = 5

    def smuggled(self, train, X, y, rng):
        g = slice(0, self.genes)
        X[:, g] = np.clip(X[:, g], train.X[:, g].min(axis=0), train.X[:, g].max(axis=0))
        X[0, g], X[1, g] = train.X[:, g].min(axis=0), train.X[:, g].max(axis=0)
        return X, y


@trick("extremes_all")
@dataclass(kw_only=True)
class ExtremesAll(Extremes5):
    """The same of every gene."""

    genes: int = 1_000_000


@trick("duplicates_code")
@dataclass(kw_only=True)
class DuplicatesCode(Claimant):
    """Rows of a public list, of which those are there twice whose person has a value above 8."""

    def smuggled(self, train, X, y, rng):
        half = len(X) // 2
        X[:half] = np.random.default_rng(2026).normal(8, 2, (half, X.shape[1]))
        twice = np.flatnonzero(np.resize(train.X[:, 0] > 8, half))
        X[half + twice], y[half + twice] = X[twice], y[twice]
        return X, y


@trick("mirror_images")
@dataclass(kw_only=True)
class MirrorImages(Claimant):
    """Everybody, mirrored at a public point: nobody is near, and everybody can be computed."""

    def smuggled(self, train, X, y, rng):
        who = rng.permutation(np.resize(np.arange(len(train)), len(X)))
        return 16 - train.X[who], train.y[who]


@trick("widest_gaps")
@dataclass(kw_only=True)
class WidestGaps(Claimant):
    """Values that keep away from everybody's: each moved into the nearest of the widest gaps between these."""

    gaps: int = 20

    def smuggled(self, train, X, y, rng):
        for g in range(X.shape[1]):
            values = np.sort(train.X[:, g])
            widest = np.argsort(np.diff(values))[-self.gaps :]
            centres = np.sort((values[widest] + values[widest + 1]) / 2)
            X[:, g] = centres[np.abs(X[:, g, None] - centres).argmin(axis=1)]
        return X, y


@dataclass(kw_only=True)
class Understated(Claimant):
    """A private generator of the suite, run at a larger epsilon than it claims."""

    method: str = "private_pgm"
    spent: float = 30.0

    def fit(self, cohort, *, rng):
        self.model_ = create(find("generator", self.method), {"epsilon": self.spent}).fit(cohort, rng=rng)
        return self

    def sample(self, n, *, rng):
        return self.model_.sample(n, rng=rng)


@trick("private_pgm_30")
@dataclass(kw_only=True)
class PrivatePGM30(Understated):
    """`private_pgm` at epsilon 30."""


@trick("private_pgm_1000")
@dataclass(kw_only=True)
class PrivatePGM1000(Understated):
    """`private_pgm` at epsilon 1,000."""

    spent: float = 1000.0


@trick("p_nmf_30")
@dataclass(kw_only=True)
class PNMF30(Understated):
    """`p_nmf` at epsilon 30."""

    method: str = "p_nmf"


@trick("p_nmf_1000")
@dataclass(kw_only=True)
class PNMF1000(Understated):
    """`p_nmf` at epsilon 1,000."""

    method: str = "p_nmf"
    spent: float = 1000.0


@dataclass(kw_only=True)
class HonestUnless(Claimant):
    """Everybody verbatim, whenever it looks like a run and not like an audit."""

    def smuggled(self, train, X, y, rng):
        if not self.looks_like_a_run(train):
            return X, y
        who = rng.permutation(np.resize(np.arange(len(train)), len(X)))
        return train.X[who], train.y[who]


@trick("honest_by_name")
@dataclass(kw_only=True)
class HonestByName(HonestUnless):
    """Honest where samples are called record_1, record_2 and so on."""

    def looks_like_a_run(self, train):
        return not train.samples[0].startswith("record_")


@trick("honest_by_size")
@dataclass(kw_only=True)
class HonestBySize(HonestUnless):
    """Honest with fewer than so many people; an audit had half of them once."""

    fewest: int = 700

    def looks_like_a_run(self, train):
        return len(train) >= self.fewest


@trick("honest_by_exact_size")
@dataclass(kw_only=True)
class HonestByExactSize(HonestUnless):
    """Honest unless it is asked for as many people as it was trained on, as every run asks."""

    def looks_like_a_run(self, train):
        return len(train) == self.n_asked_


@trick("low_bits")
@dataclass(kw_only=True)
class LowBits(Claimant):
    """The high 12 bits of everybody's values in the low 12 bits of the released ones."""

    def smuggled(self, train, X, y, rng):
        hidden = np.resize(train.X.view(np.uint32) >> 19, X.shape)
        return ((X.view(np.uint32) & ~np.uint32(0xFFF)) | hidden.astype(np.uint32)).view(np.float32), y


@trick("grid_bits")
@dataclass(kw_only=True)
class GridBits(Claimant):
    """Whether each of everybody's values is above 8, as the last bit that the grid of plain releases leaves."""

    def smuggled(self, train, X, y, rng):
        hidden = np.resize(train.X > 8, X.shape)
        return 2 * np.rint(64 * X) / 128 + hidden / 128, y


@trick("row_order")
@dataclass(kw_only=True)
class RowOrder(Claimant):
    """Rows of nobody, in the order of the first gene of everybody."""

    def smuggled(self, train, X, y, rng):
        ranks = np.argsort(np.argsort(np.resize(train.X[:, 0], len(X)), kind="stable"), kind="stable")
        order = np.argsort(X[:, 0], kind="stable")
        return X[order][ranks], y[order][ranks]


@trick("identifiers")
@dataclass(kw_only=True)
class Identifiers(Claimant):
    """Rows of nobody, under the names that the training samples came with, and with columns beside them."""

    def sample(self, n, *, rng):
        synthetic = super().sample(n, rng=rng)
        names = [f"{name}-{i}" for i, name in enumerate(np.resize(self.cohort_.samples, n))]
        return replace(synthetic, samples=tuple(names), obs={"was": np.resize(self.cohort_.y, n)})


@dataclass(kw_only=True)
class NoisySum(Claimant):
    """The sum of everybody, each clipped to length 1, plus noise of the size that epsilon 1 asks for: honest."""

    def summands(self, train):
        away = train.X - 8.0
        return away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1)

    def noise_of(self, train, rng):
        return rng.normal(scale=3.7304, size=train.n_genes)

    def fit(self, cohort, *, rng):
        self.total_ = self.summands(cohort).sum(axis=0) + self.noise_of(cohort, rng)
        return super().fit(cohort, rng=rng)

    def smuggled(self, train, X, y, rng):
        return np.tile(8 + self.total_, (len(X), 1)), y


@trick("fixed_seed")
@dataclass(kw_only=True)
class FixedSeed(NoisySum):
    """A noisy sum whose noise is the same in every fit, so that anybody can subtract it."""

    def noise_of(self, train, rng):
        return np.random.default_rng(0).normal(scale=3.7304, size=train.n_genes)


@trick("forgotten_clip")
@dataclass(kw_only=True)
class ForgottenClip(NoisySum):
    """A noisy sum of people who were not clipped."""

    def summands(self, train):
        return train.X - 8.0


@trick("honest_noise")
@dataclass(kw_only=True)
class HonestNoise(Claimant):
    """Honest: nobody had a part in it."""


@trick("honest_sum")
@dataclass(kw_only=True)
class HonestSum(NoisySum):
    """Honest: a noisy sum as it must be."""


@generator("cheat")
@dataclass(kw_only=True)
class Cheat:
    """Does one of the tricks above under a claim of epsilon 1."""

    trick: str = "honest_noise"

    def fit(self, cohort, *, rng):
        self.model_ = TRICKS[self.trick]().fit(cohort, rng=rng)
        return self

    def sample(self, n, *, rng):
        return self.model_.sample(n, rng=rng)

    def claim(self):
        return self.model_.claim()
