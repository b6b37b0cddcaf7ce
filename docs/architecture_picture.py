"""Draws `pictures/architecture.svg`: the rooms of `bench/` in their layers, from the contract in `pyproject.toml`.

Draw it again after the contract or the first line of a room's docstring has changed::

    python docs/architecture_picture.py

A test compares the texts of the picture with `texts`.
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs/pictures/architecture.svg"
PLUGINS = (
    "generators/, attacks/, metrics/: one plugin a file; plugins import the public names of bench, nothing else of ours"
)
_WIDTH, _ARROW, _GAP = 12.0, 0.45, 0.14  # of the page, of the arrow beside the rooms, between rooms; in inches
_LETTER, _LINE = 0.076, 0.18  # width of a letter of the small text and height of its line, in inches
Box = tuple[float, float, float, float, list[str]]


def layers() -> list[list[str]]:
    """Return the rooms of each layer, from top to bottom, as the import contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    written = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip().removeprefix("bench.") for room in layer.split("|")] for layer in written]


def purpose(room: str) -> str:
    """Return what a room is for: the first line of its docstring."""
    tree = ast.parse((ROOT / "bench" / room / "__init__.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").splitlines()[0]


def texts() -> list[str]:
    """Return every line of text in the boxes, in the order of drawing."""
    return [line for *_, lines in _boxes() for line in lines]


def draw(path: Path) -> None:
    """Write the picture as SVG; the texts in it stay texts, so that a reader can search it and a test can read it."""
    boxes = _boxes()
    height = max(y + tall for _, y, _, tall, _ in boxes) + _GAP
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "architecture", "font.family": "sans-serif"}):
        figure = plt.figure(figsize=(_WIDTH, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, _WIDTH), ylim=(height, 0))  # y grows downwards, as on the page
        axes.axis("off")
        end = boxes[-2][1] + boxes[-2][3]
        axes.annotate("", (0.3, end), (0.3, _GAP), arrowprops={"arrowstyle": "-|>", "color": "#30506e", "lw": 1.5})
        axes.text(0.15, end / 2, "may import", fontsize=10, rotation=90, ha="center", va="center")
        for box in boxes:
            _draw_box(axes, *box)
        figure.savefig(path, metadata={"Date": None, "Title": "The rooms of bench and their layers"})
        plt.close(figure)


def _boxes() -> list[Box]:
    """Return left edge, top edge, width, height and lines of text of every box."""
    found: list[Box] = []
    top = _GAP
    for rooms in layers():
        width = (_WIDTH - _ARROW - _GAP) / len(rooms) - _GAP
        said = [textwrap.wrap(purpose(room).replace("`", ""), int((width - 0.2) / _LETTER)) for room in rooms]
        tall = 0.5 + _LINE * max(map(len, said))
        for i, (room, lines) in enumerate(zip(rooms, said, strict=True)):
            found.append((_ARROW + _GAP + i * (width + _GAP), top, width, tall, [f"bench/{room}", *lines]))
        top += tall + _GAP
    return [*found, (_ARROW + _GAP, top, _WIDTH - _ARROW - 2 * _GAP, 0.5, [PLUGINS])]


def _draw_box(axes: Axes, x: float, y: float, width: float, height: float, lines: list[str]) -> None:
    """Draw a room, its name in bold letters above what it is for; the plugins' box has one line in plain ones."""
    name, *said = lines
    colour, weight = ("#eef3f8", "bold") if said else ("#e7f4ec", "normal")
    axes.add_patch(plt.Rectangle((x, y), width, height, facecolor=colour, edgecolor="#30506e"))
    axes.text(x + 0.1, y + 0.25, name, fontsize=11 if said else 10, fontweight=weight, va="center")
    for i, line in enumerate(said):
        axes.text(x + 0.1, y + 0.48 + _LINE * i, line, fontsize=9, va="center", color="#333333")


if __name__ == "__main__":
    draw(PICTURE)
