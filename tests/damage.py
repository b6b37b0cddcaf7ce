"""Damage to the bytes of a file: what transfers, editors and programs do to it."""

from __future__ import annotations

import random

TOKENS = [b",", b"\n", b"\t", b'"', b"\xff", b"\x00", b"NA", b"inf", b"nan", b"1e400", b"e4002969594", b"-", b"#", b"!"]
TOKENS += [b";", b"\r", b"1_0", b"\xef\xbb\xbf", b"\xff\xfe", b"0x10", b"1,5", b"999999999999", b"|", b"ENSG", b" "]


def damaged(data: bytes, luck: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(luck.choice([1, 1, 2, 5])):
        at = luck.randrange(len(changed) + 1)
        kind = luck.randrange(5)
        if kind == 0:
            changed[at : at + luck.choice([0, 1, 3])] = luck.choice(TOKENS)
        elif kind == 1:
            del changed[at : at + luck.randrange(1, 200)]
        elif kind == 2:
            changed[at : at + 3] = luck.randbytes(3)
        elif kind == 3:
            changed[at:at] = changed[: luck.randrange(300)]
        else:
            del changed[at:]
    return bytes(changed)


def with_other_bytes(data: bytes, luck: random.Random) -> bytes:
    """Change single bytes, so that HDF5 opens the file and meets the damage later."""
    changed = bytearray(data)
    for _ in range(luck.choice([1, 2, 4, 8])):
        changed[luck.randrange(len(changed))] = luck.choice([0, 1, 128, 255, luck.randrange(256)])
    return bytes(changed)
