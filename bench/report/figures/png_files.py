"""Writes small PNG files that say what they were drawn from, so that a picture of the same data is left as it is."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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


def fingerprint_of(*parts: Any) -> str:
    """Return the SHA-256 of what a picture is drawn from."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def draw_png(path: Path, fingerprint: str, draw: Callable[[], Figure | None]) -> None:
    """Write what is drawn with a palette of its own, a third of the size of full colour, and its fingerprint.

    The same picture is left as it is, and where there is nothing to draw nothing is written.
    """
    if fingerprint == drawn_from(path) or (figure := draw()) is None:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    about = PngInfo()
    about.add_text(_KEY, fingerprint)
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba()))  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    image = pixels.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    image.save(buffer, "PNG", optimize=True, pnginfo=about)
    write_atomic(path, lambda file: file.write(buffer.getvalue()))
