"""Looks after a store: what lies in it, what may go, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

from bench.errors import StoreError
from bench.store import Store


def existing(out: Path) -> Store:
    """Return the store in a folder of results, checked to be of our format; none is made.

    Raises
    ------
    StoreError
        If there is none, or it was written in another format.
    """
    root = out / "store"
    if not (root / "format.json").is_file():
        raise StoreError(f"there is no result store in {out} ({root / 'format.json'} is missing). Mend --out.")
    return Store(root).open()
