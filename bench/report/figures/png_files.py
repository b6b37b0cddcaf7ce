"""Writes small PNG files that say what they were drawn from, so that a picture of the same data is left as it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import StoreError
from bench.store.store import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = 128
_KEY = "bench-drawn-from"


def drawn_from(path: Path) -> str | None:
    """Return the fingerprint in a picture that is already there."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return str(image.info.get(_KEY))
    except OSError:
        return None


def size_of(path: Path) -> tuple[int, int]:
    """Return width and height of a picture.

    Raises
    ------
    StoreError
        If it is none.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise StoreError(f"{path} is no picture ({error}). Remove it; `bench pictures` draws it again.") from error


def draw_png(path: Path, fingerprint: str, draw: Callable[[], Figure | None]) -> None:
    """Write what is drawn, unless the same picture is there or there is nothing to draw."""
    if fingerprint == drawn_from(path) or (figure := draw()) is None:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    write_png(path, np.asarray(canvas.buffer_rgba()), fingerprint)  # type: ignore[no-untyped-call]


def write_png(path: Path, pixels: NDArray[np.uint8], fingerprint: str) -> None:
    """Write pixels with a palette of their own, a third of the size of full colour, and what they were drawn from."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_text(_KEY, fingerprint)
    image = Image.fromarray(pixels).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, pnginfo=about)
    write_atomic(path, lambda file: file.write(buffer.getvalue()))
