"""The parts of an HTML page: elements that escape what they are given, and the board whose tables are HTML.

The sections of a page are those of the Markdown leaderboard. Their cells and notes hold four marks of Markdown (code,
bold, italics, an escaped bar), which `inline` turns into elements; everything else in them is text.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

from bench.report.board import ABSENT, Board, Cell, Column

_EMPTY_ELEMENTS = {"img", "input", "link", "meta"}
_MARKS = re.compile(r"\\([|*])|`([^`]+)`|\*\*(.+?)\*\*|\*(?=\S)([^*]+)\*")
_NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
_BREAKS = re.compile(r"(?<=[\[,])")  # where the name of a generator may go on in the next line
_NARROW = re.compile(r"(?<=[\[,_/=])")  # and where the head of a column may
_SHORT, _LONG = 14, 60  # letters; a longer cell gets a wider column
_WIDE = 12  # columns; a wider table breaks its numbers in print


class Html(str):
    """Text that is markup already and is not escaped again."""


def element(tag: str, *children: str, **attributes: str | bool | None) -> Html:
    """Return an element; text and values of attributes are escaped, `Html` is taken as it is.

    Parameters
    ----------
    attributes : ``data_value="1"`` gives ``data-value="1"``, a last ``_`` is dropped; None and False leave one out
    """
    kept = {
        name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value not in (None, False)
    }
    text = "".join(f" {name}" if v is True else f' {name}="{html.escape(str(v))}"' for name, v in kept.items())
    start = Html(f"<{tag}{text}>")
    return start if tag in _EMPTY_ELEMENTS else join([start, *children, Html(f"</{tag}>")])


def join(parts: Iterable[str], between: str = "") -> Html:
    """Return parts one after the other; those that are no `Html` are escaped."""
    return Html(between.join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def inline(markdown: str) -> Html:
    """Return the text of a cell or a note with its code, bold and italics as elements."""
    if isinstance(markdown, Html):
        return markdown
    return join(_inline(markdown.replace("&lt;", "<")))


def _inline(text: str) -> Iterator[str]:
    end = 0
    for found in _MARKS.finditer(text):
        yield text[end : found.start()]
        end = found.end()
        mark, code, bold, italic = found.groups()
        if mark:
            yield mark
        elif code:
            yield element("code", breakable(code, _BREAKS))
        else:
            yield element("strong" if bold else "em", *_inline(bold or italic))
    yield text[end:]


def breakable(name: str, where: re.Pattern[str]) -> Html:
    """Return a name that may be broken at some places, where a line or a column is short."""
    return join(where.split(name), "<wbr>")


def plain(markdown: str) -> str:
    """Return the text of a cell without its marks."""
    return html.unescape(re.sub(r"<[^>]*>", "", inline(markdown)))


def paragraphs(markdown: str) -> Html:
    """Return the blocks of a section that are no table: paragraphs, and lists of lines that start with ``-``."""
    return join(_paragraph(text) for text in markdown.strip().split("\n\n"))


def _paragraph(text: str) -> Html:
    lines = text.splitlines()
    if all(line.startswith("- ") for line in lines):
        return bullets([inline(line[2:]) for line in lines])
    return element("p", inline(" ".join(lines)))


def bullets(items: Iterable[str]) -> Html:
    """Return a list."""
    return element("ul", *(element("li", item) for item in items))


def anchor(title: str) -> str:
    """Return the name under which a link finds a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


# -- tables ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class HtmlBoard(Board):
    """A board whose tables are HTML, with the unrounded numbers as data for whoever sorts them."""

    def table(self, title: str, note: str, head: Sequence[Column], body: Sequence[Sequence[str]]) -> Html:
        """Return a table under its caption, which says so if the data are simulated, in a box that scrolls."""
        caption = self.marked(title)
        note_id = f"note-{anchor(title)}"
        sides = ["num" if side == "right" else None for _, side in head]
        heads = (_head(text, side) for (text, _), side in zip(head, sides, strict=True))
        named = bool(head) and head[0][0] == "generator"
        rows = (_row(cells, sides, plain(cells[0]) if named else None) for cells in body)
        whole = element(
            "table",
            element("caption", element("span", caption)),
            element("thead", element("tr", *heads)),
            element("tbody", *rows),
            aria_describedby=note_id,
            class_="wide" if len(head) > _WIDE else None,
        )
        box = element("div", whole, class_="box", role="region", tabindex="0", aria_label=f"Table: {caption}")
        return element("div", element("p", inline(note), class_="note", id=note_id), box, class_="tabled")

    def marked(self, title: str) -> str:
        """Return a title that says so if the data are simulated."""
        return f"{title}, SIMULATED data" if self.simulated else title


def html_board(board: Board) -> HtmlBoard:
    """Return the same board with HTML tables."""
    return HtmlBoard(**{field.name: getattr(board, field.name) for field in fields(board)})


def _head(text: str, side: str | None) -> Html:
    down = text.endswith("↑") or (side is not None and not text.endswith("↓"))
    first = "descending" if down else "ascending"
    together = re.sub(r" (?=[↑↓]$)", "\u00a0", text)  # the arrow stays with its word
    return element("th", breakable(together, _NARROW), scope="col", class_=side, data_first=first)


def _row(cells: Sequence[str], sides: Sequence[str | None], generator: str | None) -> Html:
    rest = (
        element("td", inline(cell), class_=side or _width(cell), data_value=raw(cell))
        for cell, side in zip(cells[1:], sides[1:], strict=True)
    )
    control = "control" if generator and generator.endswith(" (control)") else None
    return element("tr", element("th", inline(cells[0]), scope="row"), *rest, class_=control, data_generator=generator)


def _width(cell: str) -> str | None:
    letters = len(plain(cell))
    return "long" if letters > _LONG else "text" if letters > _SHORT else None


def raw(cell: str) -> str | None:
    """Return the number behind a cell with all its digits, or else the one its text starts with; None for no number."""
    if isinstance(cell, Cell):
        return None if math.isnan(cell.value) else repr(float(cell.value))
    found = _NUMBER.match(plain(cell)) if cell != ABSENT else None
    return found[0].replace(",", "") if found else None
