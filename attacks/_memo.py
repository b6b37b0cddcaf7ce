"""Keeps what several attacks compute from the same matrices, so that each is computed once per process."""

from __future__ import annotations

import contextlib
import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
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
_digests: dict[int, tuple[weakref.ref[NDArray[Any]], str]] = {}  # of arrays that cannot change, by identity


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


@contextlib.contextmanager
def passing() -> Iterator[None]:
    """Let go after the block of whatever was first computed in it, so that it takes nobody else's place."""
    before = set(_kept)
    try:
        yield
    finally:
        for key in set(_kept) - before:
            del _kept[key]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy that cannot be written to: what is shared about it is found without reading it again."""
    copy = array.copy()
    copy.setflags(write=False)
    return copy


def _digest(arrays: tuple[NDArray[Any], ...]) -> str:
    return "".join(map(_digest_of, arrays))


def _digest_of(array: NDArray[Any]) -> str:
    """Return the digest of what an array holds; of one that owns its values and cannot change it is remembered."""
    if array.flags.writeable or not array.flags.owndata:
        return _content(array)
    name = id(array)
    if name not in _digests:
        _digests[name] = weakref.ref(array, lambda _: _digests.pop(name, None)), _content(array)
    return _digests[name][1]


def _content(array: NDArray[Any]) -> str:
    h = hashlib.blake2b(f"\0{array.dtype}{array.shape}".encode(), digest_size=16)
    h.update(array.tobytes())
    return h.hexdigest()
