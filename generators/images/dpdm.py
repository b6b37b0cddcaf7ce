"""Differentially private diffusion models: many noises an image, one clipped gradient an image, big Poisson batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import Images, PluginError, PrivacyClaim, generator

from .._diffusion import MovingAverage
from .._dpsgd import calibrated
from .._nets import check_positive, epochs_of_batches
from .._privacy import check_budget, compose_mu, counts_to_rates, gaussian_mu, noisy_counts
from .._record_losses import codes_of
from .._torch import pick_device, torch_generator
from ._central import central_images
from ._edm import PARAMETRISATIONS, Guide, Network, Prior, batch_loss, denoise, draw_levels, image_loss, sample
from ._gaussian import release_gaussian
from ._image_nets import NETS, make_net
from ._per_image import gradient_norms, train_images_privately
from ._public_images import read_public

_LOSS_LEVELS = (0.1, 0.3, 0.7, 1.5)  # noise levels of `losses`
_LOSS_DRAWS = 8
WARMUPS = ("gaussian", "central", "public", "none")
_GAUSSIAN = "class counts, means, spreads and second moments"
_NOTHING = np.empty((0, 0)), np.empty(0, dtype=np.int64)


@generator(
    "dpdm",
    family="diffusion",
    modalities=("images",),
    needs=("torch", "opacus"),
    doi="10.48550/arXiv.2210.09929",
    quick={"hidden": 16, "steps": 3, "rate": 1.0, "noises": 2, "sampling_steps": 4, "warmup_steps": 3},
    memory_gb=4,
    minutes=60,
    gpus=1,
    files=("public",),
)
@dataclass(kw_only=True)
class Dpdm:
    """Train a class-conditional denoiser by per-image DP-SGD, each image's loss averaged over many noises.

    Averaging over noises comes before an image's gradient is clipped, so it costs no privacy and takes noise out of the
    gradient. Private end to end: inside the budget are the class counts, the central images of the warm-up
    and the network. Public are the set of classes, the size of the images, their range of brightness and how many
    images are asked for. Labels are drawn at the noisy class rates.

    The network first learns something simple that was released with noise, without looking at people again. With
    ``warmup="central"`` these are a few central images of each class: every image is put into one of `central` groups
    of its class by its own coin, and the groups' means are released. One image is in one group, so all of them cost
    what one costs. With ``warmup="gaussian"`` the best denoiser of the distribution that `pca_gaussian` releases takes
    the place of EDM's skip connection, and the network learns what that misses. With ``warmup="public"`` it first
    learns the images of the file `public`, which are other people's and cost nothing, under labels drawn by lot.
    ``"none"`` starts from nothing.

    With `label_dropout` that part of the images is seen without a label in each step, which costs no privacy; then
    `guidance` pushes samples away from what the network finds without a label.

    The numbers were chosen on 1,797 images of MNIST at 8 x 8, which are on no page. Differences from the published
    method: sizes for two cores, no label dropout unless asked for, Heun's sampler.

    References
    ----------
    Dockhorn, Cao, Vahdat and Kreis (2023), Differentially private diffusion models, TMLR.
    Karras et al. (2022), NeurIPS. Li et al. (2024), DP-FETA (central images first).
    """

    epsilon: float = 10.0
    delta: float = 1e-5
    parametrisation: str = "edm"  # or "v"
    net: str = "mlp"  # or "unet"
    hidden: int = 64  # width of the MLP; channels of the U-Net at full size, then a multiple of 4
    blocks: int = 1  # of the MLP
    steps: int = 100
    rate: float = 0.2  # of Poisson sampling
    noises: int = 8  # averaged in each image's loss
    clip: float = 1.0  # of each image's gradient
    lr: float = 1e-3
    ema: float = 0.98  # decay of the averaged weights
    warmup: str = "gaussian"  # or "central", "public", "none"
    public: str = ""  # a file of public images, for warmup="public"
    warmup_share: float = 0.8  # part of the budget mu**2
    central: int = 4  # central images of each class
    components: int = 20  # directions of the Gaussian
    count_share: float = 0.01  # likewise, of the class counts; of a warm-up by a Gaussian they are a part
    warmup_steps: int = 300  # on central or public images
    label_dropout: float = 0.0  # part of the images without a label; published: 0.1
    guidance: float = 0.0  # strength; above 0 it needs a dropout
    sampling_steps: int = 24

    def fit(self, images: Images, *, rng: np.random.Generator) -> Self:
        """Spend the budget on class counts, central images and the network."""
        self._check(images)
        draw = torch_generator(rng)
        self.like_ = images.take(np.arange(0))
        self.labels_, codes = np.unique(images.y, return_inverse=True)
        shown, shown_codes = self._release(images, codes, rng)
        codes_known = len(self.labels_) + bool(self.label_dropout)  # the last is no label
        net = make_net(self.net, images.shape, codes_known, self.hidden, self.blocks, draw)
        net = net.to(pick_device())
        if len(shown):
            self._warm_up(net, shown, shown_codes, draw)
        self.net_ = self._train(net, _scaled(images.X), torch.from_numpy(codes), draw, rng)
        return self

    def _release(
        self, images: Images, codes: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Release class rates and what the warm-up learns; return its images (m, d) and their class codes."""
        mu, self.prior_ = gaussian_mu(self.epsilon, self.delta), None
        self.public_: tuple[str, ...] = ()
        if self.warmup == "gaussian":
            X = images.X.astype(np.float64)
            found = release_gaussian(X, images.y, self.labels_, mu * self.warmup_share**0.5, self.components, rng)
            self.rates_, self.total_, self.mu_ = found.frame.rates, found.frame.total, found.mu
            values, vectors = found.covariance()
            means = found.frame.means
            if self.label_dropout:
                means = np.vstack([means, self.rates_ @ means])
            parts = (2 * means - 1, vectors, 4 * values)
            self.prior_ = Prior(*(torch.from_numpy(part).float() for part in parts))
            return _NOTHING
        spent = [mu * self.count_share**0.5]
        counts = noisy_counts(images.y, self.labels_.tolist(), 1 / spent[0], rng)
        self.rates_, self.total_ = counts_to_rates(counts), float(np.maximum(counts, 1.0).sum())
        shown = _NOTHING
        if self.warmup == "central":
            spent.append(mu * self.warmup_share**0.5)
            shown = central_images(images.X, codes, counts, self.central, 1 / spent[1], rng)
        if self.warmup == "public":
            known, words = read_public(self.public, images)
            shown = known.astype(np.float64), rng.integers(len(self.labels_), size=len(known))
            self.public_ = (words,)
        self.mu_ = compose_mu(spent)
        return shown

    def sample(self, n: int, *, rng: np.random.Generator) -> Images:
        """Return n images whose classes are drawn at the noisy rates."""
        codes = rng.choice(len(self.labels_), size=n, p=self.rates_)
        device = pick_device()
        net = self.net_.to(device)
        x = sample(
            net, torch.from_numpy(codes), self.like_.n_genes, self.sampling_steps, torch_generator(rng), device,
            self.parametrisation, self.prior_ and self.prior_.to(device),
            Guide(self.guidance, len(self.labels_)) if self.guidance else None,
        )  # fmt: skip
        net.cpu()
        return self.like_.synthetic((x.numpy() + 1) / 2, self.labels_[codes])

    def losses(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the (n, 4) errors of the denoiser at fixed noise levels, averaged over noises that all share."""
        draw, found = torch_generator(rng), []
        for level in _LOSS_LEVELS:
            errors = np.zeros(len(images))
            for noise in torch.randn(_LOSS_DRAWS, images.n_genes, generator=draw).numpy():
                seen = images.X + level / 2 * noise  # `level` is of values from -1 to 1
                errors += ((self.denoised(seen, level / 2, images.y) - images.X) ** 2).mean(axis=1) / _LOSS_DRAWS
            found.append(errors)
        return np.stack(found, axis=1)

    def gradient_norms(self, images: Images, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (n, n_tensors): how strongly each image pulls at each tensor of weights, at noises that all share."""
        draw, x = torch_generator(rng), _scaled(np.asarray(images.X))
        s = torch.tensor(_LOSS_LEVELS).repeat_interleave(_LOSS_DRAWS)
        noise = torch.randn(len(s), x.shape[1], generator=draw)

        def loss(network: Network, entries: tuple[Tensor, ...]) -> Tensor:
            return image_loss(network, entries[0], entries[1], s, noise, self.parametrisation, self.prior_)

        found = gradient_norms(self.net_, loss, (x, codes_of("dpdm", self.labels_, images.y)))
        return found.double().numpy()

    @torch.no_grad()
    def denoised(self, X: NDArray[np.float32], level: float, y: NDArray[np.str_]) -> NDArray[np.float64]:
        """Return the (n, n_features) estimates of images that are seen with normal noise of this sd, from 0 to 1."""
        codes = codes_of("dpdm", self.labels_, y)
        levels = torch.full((len(X),), 2 * level)
        found = denoise(
            self.net_, _scaled(np.asarray(X, dtype=np.float32)), levels, codes, self.parametrisation, self.prior_
        )
        return (found.double().numpy() + 1) / 2

    def claim(self) -> PrivacyClaim:
        """Return the guarantee of everything that was released together."""
        first = {"central": "class counts and central images", "gaussian": _GAUSSIAN}.get(self.warmup, "class counts")
        return PrivacyClaim(
            mechanism=f"Gaussian releases of {first} (mu {self.mu_:.3g}), then DP-SGD (noise multiplier "
            f"{self.plan_.sigma:.4g}, clip {self.clip:g}, {self.noises} noises an image)",
            unit="one image",
            neighbours="add-remove",
            epsilon=self.plan_.epsilon(self.delta, self.mu_),
            delta=self.delta,
            accountant=self.plan_.account,
            public=self.public_,
        )

    def _check(self, images: Images) -> None:
        check_budget("dpdm", self.epsilon, self.delta)
        check_positive(
            "dpdm", hidden=self.hidden, blocks=self.blocks, noises=self.noises, clip=self.clip, lr=self.lr,
            sampling_steps=self.sampling_steps, count_share=self.count_share, central=self.central,
        )  # fmt: skip
        for what, value, known in (
            ("parametrisation", self.parametrisation, PARAMETRISATIONS),
            ("net", self.net, NETS),
            ("warmup", self.warmup, WARMUPS),
        ):
            if value not in known:
                raise PluginError(f"dpdm: {what} is {value!r}; expected {' or '.join(map(repr, known))}.")
        if (self.warmup == "public") != bool(self.public):
            raise PluginError(f"dpdm: warmup is {self.warmup!r} and public {self.public!r}; each needs the other.")
        if not 0 <= self.label_dropout < 1 or self.guidance < 0 or (self.guidance and not self.label_dropout):
            raise PluginError(
                f"dpdm: label_dropout is {self.label_dropout} and guidance {self.guidance}; expected a part of 1, and "
                "no guidance without it."
            )
        if self.components < 0 or not 0 < self.count_share + self.warmup_share < 1:
            raise PluginError(
                f"dpdm: components is {self.components}, warmup_share {self.warmup_share}, count_share "
                f"{self.count_share}; expected 0 or more, and shares that leave a part of 1 to the network."
            )
        if self.net == "unet" and (self.hidden % 4 or images.shape[0] % 2 or images.shape[1] % 2):
            raise PluginError(
                f"dpdm: a U-Net of {self.hidden} channels on {images.shape[0]} x {images.shape[1]} pixels; expected a "
                "multiple of 4 channels and even sides. net='mlp' takes any."
            )

    def _warm_up(self, net: nn.Module, X: NDArray[np.float64], codes: NDArray[np.int64], draw: torch.Generator) -> None:
        """Train on the released central images (m, d); this looks at nobody."""
        device = pick_device()
        x, y = _scaled(X.astype(np.float32)).to(device), torch.from_numpy(codes).to(device)
        optimiser = torch.optim.Adam(net.parameters(), lr=self.lr)
        for rows in epochs_of_batches(len(x), min(64, len(x)), self.warmup_steps, draw):
            s = draw_levels((len(rows),), self.parametrisation, draw).to(device)
            noise = torch.randn(len(rows), x.shape[1], generator=draw).to(device)
            found = batch_loss(net, x[rows], self._dropped(y[rows], draw), s, noise, self.parametrisation)
            optimiser.zero_grad()
            found.backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    def _dropped(self, y: Tensor, draw: torch.Generator) -> Tensor:
        """Return class codes, some of them replaced by the one that stands for no label."""
        if not self.label_dropout:
            return y
        gone = torch.rand(len(y), generator=draw).to(y.device) < self.label_dropout
        return torch.where(gone, len(self.labels_), y)

    def _train(
        self, net: nn.Module, x: Tensor, y: Tensor, draw: torch.Generator, rng: np.random.Generator
    ) -> nn.Module:
        """Return the network trained with what the releases left of the budget, its weights averaged."""
        self.plan_ = calibrated(self.epsilon, self.delta, steps=self.steps, rate=self.rate, released_mu=self.mu_)
        optimiser = torch.optim.Adam(net.parameters(), lr=self.lr)
        cooling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - 0.9 * min(step / self.steps, 1.0))
        average = MovingAverage(net, self.ema)
        prior = self.prior_ and self.prior_.to(pick_device())

        def batch(rows: Tensor) -> tuple[Tensor, ...]:
            s = draw_levels((len(rows), self.noises), self.parametrisation, draw)
            noise = torch.randn(len(rows), self.noises, x.shape[1], generator=draw)
            return x[rows], self._dropped(y[rows], draw), s, noise

        def loss(network: Network, entries: tuple[Tensor, ...]) -> Tensor:
            image, code, s, noise = entries
            return image_loss(network, image, code, s, noise, self.parametrisation, prior)

        def after_step(_: int) -> None:
            cooling.step()
            average.update()

        train_images_privately(
            net, loss, batch, len(x), self.plan_, optimiser, clip=self.clip, divisor=self.rate * self.total_, rng=rng,
            after_step=after_step,
        )  # fmt: skip
        return average.of(net).cpu().eval()


def _scaled(X: NDArray[np.float32]) -> Tensor:
    """Return brightness from 0 to 1 as values from -1 to 1."""
    return torch.from_numpy(2 * X - 1)
