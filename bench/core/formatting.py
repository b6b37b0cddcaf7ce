"""How times, sizes and counts are written on the command line."""

from __future__ import annotations


def duration(seconds: float | None) -> str:
    """Return a time a person can read, ``"unknown"`` for None.

    >>> duration(8.2), duration(190), duration(7500), duration(350_000)
    ('8 s', '3 min', '2 h 5 min', '4 d 1 h')
    """
    if seconds is None:
        return "unknown"
    if seconds < 0.95:
        return "< 1 s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def about(seconds: float) -> str:
    """Return the same as a guess.

    >>> about(190), about(0.2)
    ('about 3 min', '< 1 s')
    """
    text = duration(seconds)
    return text if text.startswith("<") else f"about {text}"


def size(n_bytes: float) -> str:
    """Return a number of bytes a person can read, in powers of ten, as disks are sold.

    >>> size(12_000), size(3.4e9)
    ('12 kB', '3.4 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.0f} {unit}" if unit == "B" or n_bytes >= 10 else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def counted(n: int, what: str) -> str:
    """Return a number with the name of what was counted, in the plural unless it is one.

    >>> counted(1, "cell"), counted(0, "task")
    ('1 cell', '0 tasks')
    """
    return f"{n} {what}{'' if n == 1 else 's'}"
