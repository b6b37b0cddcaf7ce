"""Places the labels of a picture: near their points, where they cover neither points nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LETTER, LINE = 6.7, 15.0  # width of a letter and height of a line, in the units of the picture
_ACROSS = 60.0  # how much farther a label may go so that its line crosses no other point
Labelled = tuple[float, float, str]  # a point and the text of its label


@dataclass(frozen=True)
class Box:
    """A rectangle; the vertical axis points down."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Return whether the two overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Box) -> bool:
        """Return whether the other one lies inside."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


def place(points: Sequence[Labelled], room: Box, radius: float) -> list[Box]:
    """Return a box for each label, in the order of the points; no two overlap, and none covers a point.

    Parameters
    ----------
    room : where labels may lie; it must have three lines or so for each of them
    radius : of the mark of a point
    """
    found: dict[int, Box] = {}
    for i in sorted(range(len(points)), key=lambda i: (-points[i][0], points[i][1])):
        marks = [_around(x, y, radius) for k, (x, y, _) in enumerate(points) if k != i]
        own = _around(*points[i][:2], radius)
        found[i] = _nearest(points[i], [own, *map(_wide, marks), *found.values()], marks, room)
    return [found[i] for i in range(len(points))]


def _around(x: float, y: float, radius: float) -> Box:
    return Box(x - radius - 2, y - radius - 2, x + radius + 2, y + radius + 2)


def _wide(mark: Box) -> Box:
    """Return a box that also keeps away labels that would seem to be those of this point."""
    return Box(mark.left - 10, mark.top, mark.right + 10, mark.bottom)


def _nearest(point: Labelled, taken: Sequence[Box], marks: Sequence[Box], room: Box) -> Box:
    second: tuple[float, Box] | None = None
    for distance, box in _candidates(point, room):
        if second and distance > second[0] + _ACROSS:
            break
        if not any(box.meets(other) for other in taken):
            if not any(_line(point, box).meets(mark) for mark in marks):
                return box
            second = second or (distance, box)
    if second is None:
        raise AssertionError(f"no room for the label {point[2]!r}: the picture grows with the number of labels")
    return second[1]


def _candidates(point: Labelled, room: Box) -> list[tuple[float, Box]]:
    """Return places on both sides of a point, the nearest first, up and down counted twice to keep lines flat."""
    x, y, text = point
    width, found = len(text) * LETTER, []
    for across in [10.0 + 20 * k for k in range(45)]:
        for down in [LINE / 2 * k for k in range(-90, 91)]:
            for left in (x + across, x - across - width):
                box = Box(left, y + down - LINE / 2, left + width, y + down + LINE / 2)
                if room.holds(box):
                    found.append((across + 2 * abs(down), box))
    return sorted(found, key=lambda place: (place[0], place[1].left, place[1].top))


def _line(point: Labelled, box: Box) -> Box:
    """Return the rectangle around the line from a point to its label."""
    x, y, middle = point[0], point[1], (box.top + box.bottom) / 2
    end = box.left if box.left > x else box.right
    return Box(min(x, end), min(y, middle) - 1, max(x, end), max(y, middle) + 1)
