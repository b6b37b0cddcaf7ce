"""Draws close-up pictures from their numbers: one panel for each release, all with the same axes.

Matplotlib is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.engine.releases import name_of
from bench.report.figures.close_up_numbers import N_BINS
from bench.report.figures.roc import Panel, grid, roc_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
REAL = ""  # the label of the training samples
Draw = Callable[[Any, str, Any, Any], tuple[str, str, str] | None]
# Six of Okabe and Ito's colours, made for colour-blind readers; beyond six classes the marker changes too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "^", "s", "X")
_BEHIND, _ALARM = "#c8c8c8", "#b00000"
_LONG = 32  # letters; a longer name gets smaller ones
_MARGIN = 0.2  # of the real range, on each side
_MOST = 0.995  # of the genes lie inside the picture of effects, the others on its edge
_OFF, _RATIO = 1.0, 1.5  # ends of the axes of the picture of genes
_CALLS = (  # of a gene in training samples and release: name, colour, size
    ("neither", "#c8c8c8", 3),
    ("found", "#0072B2", 7),
    ("missed", "#E69F00", 7),
    ("false", "#D55E00", 7),
)
KINDS = ("pca", "umap", "genes", "coexpression", "expression", "roc")


def figure_of(kind: str, numbers: Mapping[str, Any], title: str, *, simulated: bool) -> Figure | None:
    """Return a picture, or None if the numbers do not hold what it shows.

    Parameters
    ----------
    kind : one of `KINDS`
    numbers : as `bench.report.figures.close_ups.read_numbers` returns them
    title : above the whole picture, which also says if the data are simulated
    """
    marked = f"{title}{' - SIMULATED DATA' if simulated else ''}"
    if kind == "roc":
        panels = [_panel(body) for body in numbers["roc"]]
        return roc_figure(panels, marked) if panels else None
    draw: Draw = _DRAW[kind]
    texts = {label: found for label, body in numbers["releases"].items() if (found := draw(None, label, body, numbers))}
    if not texts.keys() - {REAL}:
        return None
    figure, axes = grid(len(texts), 3.1, 1.3)
    for place, (label, (below, *_)) in zip(axes, texts.items(), strict=True):
        draw(place, label, numbers["releases"][label], numbers)
        _name(place, label, below, numbers["about"]["controls"], simulated)
    _frame(figure, axes[0], marked, next(iter(texts.values()))[1:], kind)
    return figure


def _name(axes: Axes, label: str, below: str, controls: Sequence[str], simulated: bool) -> None:
    real = "training samples (simulated)" if simulated else "real training samples"
    name = real if label == REAL else name_of(label, controls)
    axes.set_title(f"{name}\n{below}".strip(), fontsize=9 if len(name) < _LONG else 7.5)
    if simulated:
        axes.text(0.98, 0.02, "SIMULATED", transform=axes.transAxes, fontsize=8, color=_ALARM, ha="right")


def _panel(body: Mapping[str, Any]) -> Panel:
    published = None if body["published"] is None else np.array(body["published"])
    return Panel(body["title"], {name: np.array(curve) for name, curve in body["curves"].items()}, published)


def _frame(figure: Figure, first: Axes, title: str, sides: Sequence[str], kind: str) -> None:
    figure.suptitle(f"{title}\nacross: {sides[0]}; up: {sides[1]}", fontsize=10)
    handles, labels = first.get_legend_handles_labels()
    if handles:
        order = np.argsort(labels) if kind in ("pca", "umap") else np.arange(len(labels))
        figure.legend(
            [handles[i] for i in order], [labels[i] for i in order], loc="outside lower center", ncols=6, fontsize=8,
            markerscale=2.5, frameon=False,
        )  # fmt: skip


# -- one panel each: without axes nothing is drawn; what comes out is said under the name, and of both axes ------------


def _pca(axes: Axes | None, label: str, body: Any, numbers: Any) -> tuple[str, str, str]:
    x, y = (100 * share for share in [*numbers["about"]["explained"], 0.0, 0.0][:2])
    real = numbers["releases"][REAL]["plane"]
    outside = _cloud(axes, label, body["plane"], real, numbers["about"]["classes"]) if axes else ""
    return outside, f"first principal component, {x:.0f} % of the variance", f"second, {y:.0f} %"


def _umap(axes: Axes | None, label: str, body: Any, numbers: Any) -> tuple[str, str, str] | None:
    real = numbers["releases"][REAL]["umap"]
    if body["umap"] is None or real is None:
        return None
    if axes:
        _cloud(axes, label, body["umap"], real, numbers["about"]["classes"])
    return "", "first coordinate of the map, without a unit", "second"


def _cloud(axes: Axes, label: str, plane: Any, real: Any, classes: list[str]) -> str:
    """Draw samples by class, the largest class first, over the training samples in grey; return who is outside."""
    behind, points = (np.array([p["x"], p["y"]], dtype=float).T.reshape(-1, 2) for p in (real, plane))
    low, high = behind.min(axis=0), behind.max(axis=0)
    low, high = low - _MARGIN * (high - low) - 1e-9, high + _MARGIN * (high - low) + 1e-9
    if label != REAL:
        axes.scatter(behind[:, 0], behind[:, 1], s=5, color=_BEHIND, linewidths=0, rasterized=True)
    place = np.array(plane["label"], dtype=int)
    for i in sorted(range(len(classes)), key=lambda i: (-int(np.sum(place == i)), i)):
        x, y = points[place == i].T
        colour, marker = _COLOURS[i % len(_COLOURS)], _MARKERS[i // len(_COLOURS) % len(_MARKERS)]
        axes.scatter(
            x, y, s=8, color=colour, marker=marker, linewidths=0, alpha=0.75, label=classes[i], rasterized=True
        )
    without = points[place == -1]  # of a release that came without labels
    axes.scatter(without[:, 0], without[:, 1], s=8, color="#000000", linewidths=0, alpha=0.5, rasterized=True)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
    share = float(np.mean(((points < low) | (points > high)).any(axis=1))) if len(points) else 0.0
    return f"{100 * share:.0f} % outside" if share >= 0.005 else "< 1 % outside" if share else ""


def _genes(axes: Axes | None, label: str, body: Any, numbers: Any) -> tuple[str, str, str] | None:
    if label == REAL or body["n"] == 0:
        return None
    real, found = (
        {name: np.array(genes[name], dtype=float) for name in ("mean", "sd")}
        for genes in (numbers["releases"][REAL]["genes"], body["genes"])
    )
    varies = real["sd"] > 0
    x = (found["mean"] - real["mean"])[varies] / real["sd"][varies]
    ratio = found["sd"][varies] / real["sd"][varies]
    y = np.log2(np.maximum(ratio, 1e-6))
    if axes:
        _gene_dots(axes, x, y)
    outside = float(np.mean((abs(x) > _OFF) | (abs(y) > _RATIO))) if len(x) else 0.0
    text = f"{100 * outside:.0f} % at the edge" if outside >= 0.005 else ""
    return (
        text,
        "mean in the release minus that in the training samples, in their standard deviations",
        "ratio of standard deviations",
    )


def _gene_dots(axes: Axes, x: Array, y: Array) -> None:
    axes.axhline(0, color="#000000", linewidth=0.6, linestyle=":")
    axes.axvline(0, color="#000000", linewidth=0.6, linestyle=":")
    axes.scatter(
        np.clip(x, -_OFF, _OFF), np.clip(y, -_RATIO, _RATIO), s=6, color=_COLOURS[0], alpha=0.45, linewidths=0,
        rasterized=True,
    )  # fmt: skip
    axes.set(xlim=(-1.05 * _OFF, 1.05 * _OFF), ylim=(-1.05 * _RATIO, 1.05 * _RATIO), xticks=[-1, -0.5, 0, 0.5, 1])
    axes.set_yticks([-1, 0, 1], ["1/2", "1", "2"])
    axes.tick_params(labelsize=7)


def _coexpression(axes: Axes | None, label: str, body: Any, numbers: Any) -> tuple[str, str, str] | None:
    found = body["correlation"]
    if label == REAL or found["rmse"] is None:
        return None
    if axes:
        counts = np.array(found["counts"], dtype=float).reshape(N_BINS, N_BINS).T  # rows: the release
        most = max(max(numbers["releases"][REAL]["correlation"]["counts"]), 10)
        seen = np.ma.masked_equal(np.log10(np.maximum(counts, 0.1)), -1)
        axes.imshow(seen, origin="lower", extent=(-1, 1, -1, 1), cmap="viridis_r", vmin=0, vmax=np.log10(most))
        axes.plot([-1, 1], [-1, 1], color="#000000", linewidth=0.6, linestyle=":")
        axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        axes.tick_params(labelsize=7)
    across = "correlation of two genes in the training samples"
    return f"RMSE {found['rmse']:.3f}", across, "in the release; colour: number of pairs, logarithmic"


def _expression(axes: Axes | None, label: str, body: Any, numbers: Any) -> tuple[str, str, str] | None:
    found, real = body["expression"], numbers["releases"][REAL]["expression"]
    if label == REAL or found is None:
        return None
    x, y = (np.array(e["change"], dtype=float) for e in (real, found))
    if axes:
        _changes(axes, x, y, np.array(numbers["about"]["calls"]), np.array(found["call"]))
    rates = [f"{name} {found[key]:.2f}" for name, key in (("TPR", "tpr"), ("FPR", "fpr")) if found[key] is not None]
    a, b = numbers["about"]["pair"]
    return ", ".join(rates), f"{a} minus {b} in the training samples, per gene", "in the release"


def _changes(axes: Axes, x: Array, y: Array, real: NDArray[np.int_], found: NDArray[np.int_]) -> None:
    reach = 1.3 * max(float(np.quantile(np.abs(x[~np.isnan(x)]), _MOST)) if np.isfinite(x).any() else 0.0, 0.1)
    kinds = [
        (real == 0) & (found == 0), (real != 0) & (found == real), (real != 0) & (found != real),
        (real == 0) & (found != 0),
    ]  # fmt: skip
    axes.plot([-reach, reach], [-reach, reach], color="#000000", linewidth=0.6, linestyle=":")
    for (name, colour, size), part in zip(_CALLS, kinds, strict=True):
        across, up = (np.clip(values[part], -reach, reach) for values in (x, y))
        axes.scatter(across, up, s=size, color=colour, linewidths=0, label=name, rasterized=True)
    axes.set(xlim=(-1.05 * reach, 1.05 * reach), ylim=(-1.05 * reach, 1.05 * reach))
    axes.tick_params(labelsize=7)


_DRAW = {"pca": _pca, "umap": _umap, "genes": _genes, "coexpression": _coexpression, "expression": _expression}
