"""Tables and the other blocks of a page as data, and the languages that they are written in: Markdown, HTML, LaTeX.

A page is a row of blocks. What is bold, a name or a number is a value of the block; marks are written last and never
read back.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from markupsafe import Markup
from tabulate import tabulate

from bench.report.figures.png_files import size_of
from bench.report.text import Text, text_of

if TYPE_CHECKING:
    import jinja2

Flag = Literal["best", "strongest", "leak", "refuted", "exceeded"]  # why a cell is bold
Better = Literal["higher", "lower", "none"]
_LATEX = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {
        "±": r"$\pm$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "→": r"$\rightarrow$",
        "<": "$<$",
        ">": "$>$",
    }
)
_BREAKS = {"name": re.compile(r"(?<=[\[,])"), "head": re.compile(r"(?<=[\[,_/=])")}  # where a line may end


# -- tables ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    text : what is printed
    value : the unrounded number behind it, for those who sort; None if there is none
    flag : why it is bold; None if it is not
    generator, control : whether it is the name of a generator, and of one that only brackets the table
    whose : the name alone, where more is printed beside it
    link : in HTML, where a click on it leads
    """

    text: Text | str
    value: float | None = None
    flag: Flag | None = None
    generator: bool = False
    control: bool = False
    whose: str = ""
    link: str = ""

    def flagged(self, flag: Flag | None) -> Cell:
        """Return the cell in bold, with the reason; as it is for None."""
        return replace(self, flag=flag) if flag else self

    def plain(self) -> str:
        """Return what is printed, on one line and without marks."""
        return " ".join(str(self.text).split())

    def markdown(self) -> str:
        """Return the cell as Markdown, on one line."""
        text = " ".join(text_of(self.text).markdown().split())
        return f"**{text}**" if self.flag else text

    @property
    def number(self) -> str | None:
        """The number behind it with all its digits; None if there is none."""
        return None if self.value is None or math.isnan(self.value) else repr(float(self.value))


ABSENT = Cell("-")  # planned for no fold


def figure(value: float, spec: str, text: str = "{}") -> Cell:
    """Return the cell of a number in a format such as ``".3f"``, with words around it."""
    return Cell(text.format(format(value, spec)), float(value))


Content = Cell | Text | str  # what a row may hold


@dataclass(frozen=True)
class Column:
    """The head of a column: its title, whether it holds numbers, and which are better; those near a target, if any.

    A minor column is left out on the screen of a phone, where a table of that role has room for few.
    """

    title: str
    numeric: bool = False
    better: Better = "none"
    target: float | None = None
    minor: bool = False

    @property
    def arrow(self) -> str:
        """What points to the better numbers, after a space; empty if none are."""
        if self.target is not None:
            return f" → {self.target:g}"
        return {"higher": " ↑", "lower": " ↓", "none": ""}[self.better]

    @property
    def heading(self) -> str:
        """The title with its arrow."""
        return self.title + self.arrow


def words(*titles: str) -> list[Column]:
    """Return columns of words, which stand to the left."""
    return [Column(title) for title in titles]


def numbers(*titles: str, better: Better = "none") -> list[Column]:
    """Return columns of numbers, which stand to the right."""
    return [Column(title, True, better) for title in titles]


@dataclass(frozen=True)
class Table:
    """A table with its title and what to know of it.

    Parameters
    ----------
    rows : a cell for each column
    simulated : True if the caption must say that the data are simulated
    role : its class in HTML; ``"decides"`` is a list of cards on a phone
    """

    title: str
    note: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    simulated: bool = False
    role: str = ""

    @classmethod
    def of(
        cls, title: str, note: Text | str, head: Sequence[Column], body: Iterable[Sequence[Content]], *,
        simulated: bool = False,
    ) -> Table:  # fmt: skip
        """Return a table; what is no cell in `body` becomes one without a number."""
        rows = tuple(tuple(c if isinstance(c, Cell) else Cell(c) for c in row) for row in body)
        return cls(title, text_of(note), tuple(head), rows, simulated)

    @property
    def caption(self) -> str:
        """The title, which says so if the data are simulated."""
        return marked(self.title, simulated=self.simulated)

    def markdown(self) -> str:
        """Return the table as Markdown, under its caption and its note."""
        align = ["right" if c.numeric else "left" for c in self.columns] if self.rows else None
        body = [[cell.markdown() for cell in row] for row in self.rows]
        heads = [text_of(column.heading).markdown() for column in self.columns]
        lines = tabulate(body, heads, tablefmt="github", disable_numparse=True, colalign=align)
        return f"**{text_of(self.caption).markdown()}.** {self.note.markdown()}\n\n{lines}\n"

    def csv(self) -> str:
        """Return the table as CSV, numbers as they are shown."""
        return self._frame().to_csv(index=False, header=[c.heading for c in self.columns], lineterminator="\n")

    def latex(self) -> str:
        """Return the table as LaTeX for the package booktabs; what is bold on the page is bold."""
        bold = self._frame(lambda cell: "textbf:--rwrap;" if cell.flag else "")
        style = self._frame().style.format(_latex).relabel_index([_latex(c.heading) for c in self.columns], axis=1)
        sides = "".join("r" if column.numeric else "l" for column in self.columns)
        text: str = (
            style.apply(lambda _: bold, axis=None)
            .hide(axis="index")
            .to_latex(hrules=True, column_format=sides, caption=_latex(self.caption))
        )
        return text.replace(r"\end{table}", rf"\par\smallskip\footnotesize {_latex(self.note)}" "\n" r"\end{table}")

    def _frame(self, of: Callable[[Cell], str] = Cell.plain) -> pd.DataFrame:
        return pd.DataFrame([[of(cell) for cell in row] for row in self.rows], columns=range(len(self.columns)))


def marked(title: str, *, simulated: bool) -> str:
    """Return a title that says so if the data are simulated."""
    return f"{title}, SIMULATED data" if simulated else title


def _latex(text: object) -> str:
    return str(text).translate(_LATEX)


# -- the other blocks --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Heading:
    """The title of a page (level 1), of a section (2) or of a part of it (3)."""

    text: Text | str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Running text; `role` is its class in HTML."""

    text: Text | str
    role: str | None = None


@dataclass(frozen=True)
class Quote:
    """A paragraph that stands out, under a title if it has one; in Markdown only."""

    text: Text | str
    title: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Text | str, ...]


Fact = tuple[Text | str, Text | str]  # its name, and what is so


@dataclass(frozen=True)
class Facts:
    """What is known, each by its name."""

    by_name: tuple[Fact, ...]


@dataclass(frozen=True)
class Picture:
    """A picture in a file, or drawn as SVG inside the page.

    Parameters
    ----------
    source : a PNG file, or an ``<svg>`` element
    caption, note : stand below it
    alt : the text for those who cannot see it
    """

    source: Path | Markup
    caption: str
    note: Text | str
    alt: str


def picture(path: Path, title: str, note: str, alt: str, data: Mapping[str, Any]) -> Picture:
    """Return a picture of a dataset; `alt` names it at ``{name}``, and simulated data are called so."""
    named = f"SIMULATED {data['name']}" if data["simulated"] else data["name"]
    return Picture(path, marked(title, simulated=data["simulated"]), note, alt.format(name=named))


@dataclass(frozen=True)
class Links:
    """A list of pages: title, and where the page lies from here."""

    pages: tuple[tuple[str, str], ...]


Block = Table | Links | Heading | Paragraph | Quote | Bullets | Facts | Picture


# -- Markdown ----------------------------------------------------------------------------------------------------------


def markdown(blocks: Iterable[Block], beside: str = "") -> str:
    """Return blocks as Markdown; lines of running text end where they end in the text.

    Parameters
    ----------
    beside : the way from the page to the folder of its pictures, such as ``"../"``
    """
    return "\n".join(_markdown(block, beside) for block in blocks)


def _markdown(block: Block, beside: str) -> str:
    match block:
        case Table():
            return block.markdown()
        case Heading(text, level):
            return f"{'#' * level} {text_of(text).markdown()}\n"
        case Paragraph(text):
            return f"{text_of(text).markdown()}\n"
        case Quote(text, title):
            lines = [*([f"## {title}", ""] if title else []), *text_of(text).markdown().splitlines()]
            return "".join(f"> {line}".rstrip() + "\n" for line in lines)
        case Bullets(items):
            return "".join(f"- {Cell(item).markdown()}\n" for item in items)
        case Links(pages):
            return "".join(f"- [{text_of(title).markdown()}]({place})\n" for title, place in pages)
        case Facts(facts):
            return "".join(f"- **{Cell(name).markdown()}:** {Cell(fact).markdown()}\n" for name, fact in facts)
        case Picture(source, caption, note, alt):
            place = f"{beside}{Path(source).name}"
            return f"**{caption}.** {text_of(note).markdown()}\n\n![{alt}]({place})\n"


def by_section(blocks: Iterable[Block]) -> dict[str, list[Block]]:
    """Return the blocks of each section (a heading of level 2) under its title; sections of one title are joined."""
    found: dict[str, list[Block]] = {}
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            held = found.setdefault(str(block.text), [])
        else:
            held.append(block)
    return found


# -- HTML --------------------------------------------------------------------------------------------------------------


def html(blocks: Iterable[Block]) -> Markup:
    """Return blocks as HTML."""
    macros: Any = templates().get_template("blocks.html.j2").module
    return Markup("\n").join(getattr(macros, type(block).__name__.lower())(block) for block in blocks)


@cache
def templates() -> jinja2.Environment:
    """Return the templates, which escape whatever they are given."""
    import jinja2  # late: a tenth of a second, for pages in HTML alone

    loader = jinja2.PackageLoader("bench.report", "")
    found = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters |= {
        "anchor": anchor,
        "breakable": _breakable,
        "pixels": _pixels,
        "text": text_of,
        "unbroken": _unbroken,
    }
    return found


def _pixels(path: Path) -> dict[str, Any]:
    """Return a picture as the page holds it: its bytes as an address, width and height."""
    width, height = size_of(path)
    content = base64.b64encode(path.read_bytes()).decode()
    return {"src": f"data:image/png;base64,{content}", "width": width, "height": height}


def anchor(title: str) -> str:
    """Return the name under which a link finds a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _unbroken(words: str) -> str:
    """Return words in which no line ends inside an interval or between a number and its sign."""
    whole = re.sub(r"\[[-+\d., ]+\]", lambda found: found[0].replace(" ", "\u00a0"), words)
    return re.sub(r"(?<=\d) %", "\u00a0%", whole).replace(" ± ", " ±\u00a0")


def _breakable(name: str, kind: str) -> Markup:
    """Return a name that may be broken at some places, where a line or a column is short."""
    return Markup("<wbr>").join(_BREAKS[kind].split(name))
