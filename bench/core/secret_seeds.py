"""Seeds that nobody may know: who has the seed of a private release can draw its noise again and subtract it."""

from __future__ import annotations

import secrets

_FIRST = 1 << 256  # whoever names a seed names a smaller one


def secret_seed() -> int:
    """Return a seed of 256 bits from the operating system; it is shown and written nowhere."""
    return _FIRST + secrets.randbits(256)


def shown_seed(seed: int) -> str:
    """Return a seed as messages and names of jobs show it: ``"secret"`` for one that `secret_seed` drew."""
    return "secret" if seed >= _FIRST else str(seed)
