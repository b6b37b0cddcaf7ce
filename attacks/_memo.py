"""Keeps what several attacks compute from the same matrices, so that each is computed once per process."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from numpy.typing import NDArray


class Sized(Protocol):
    """Something that knows how much memory it may come to hold."""

    @property
    def nbytes(self) -> int:
        """The most bytes it will ever hold."""


T = TypeVar("T", bound=Sized)
_LIMIT = 1 << 30  # all that is kept together; the least recently used leaves first
_kept: OrderedDict[tuple[str, str], Sized] = OrderedDict()


def shared(what: str, arrays: tuple[NDArray[Any], ...], compute: Callable[[], T]) -> T:
    """Return ``compute()``, or what it returned before for arrays of the same content.

    The key is the content, not the identity: an array that was changed in place, or a new view of the same release, is
    never mistaken. `compute` must be a pure function of the arrays and of `what`.
    """
    key = (what, _digest(arrays))
    if key not in _kept:
        _kept[key] = compute()
        while len(_kept) > 1 and sum(value.nbytes for value in _kept.values()) > _LIMIT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return cast(T, _kept[key])


def _digest(arrays: tuple[NDArray[Any], ...]) -> str:
    h = hashlib.blake2b(digest_size=16)
    for array in arrays:
        h.update(f"\0{array.dtype}{array.shape}".encode())
        h.update(array.tobytes())
    return h.hexdigest()
