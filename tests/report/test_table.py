"""Tables and running text in Markdown, HTML and LaTeX: what is bold, what is escaped, what is missing."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from markupsafe import Markup

from bench.report.table import (
    ABSENT,
    Block,
    Bullets,
    Cell,
    Facts,
    Heading,
    Paragraph,
    Picture,
    Quote,
    Table,
    figure,
    html,
    markdown,
    numbers,
    words,
)
from bench.report.text import Text, bold, code, italic, joined, prose

HEAD = [*words("generator"), *numbers("acc_syn", better="higher"), *numbers("AUC", better="lower"), *words("reason")]


def table(text: Text | str = "", **more: bool) -> Table:
    """A generator whose accuracy is the best and whose AUC is missing, and a control."""
    one = [Cell(code("a[b=1,c]"), generator=True), figure(0.9, ".3f").flagged("best"), ABSENT, text]
    two = [
        Cell(italic("noise") + " (control)", generator=True, control=True),
        figure(0.2, ".3f"),
        figure(0.5, ".2f"),
        "",
    ]
    return Table.of("Utility", "Read " + code("a|b") + ".", HEAD, [one, two], **more)


def cells(text: str, start: str, between: str) -> list[str]:
    found = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in found.split(between)]


# -- what means something to a language is text ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "in_markdown", "in_html", "in_latex"),
    [
        ("<b>x</b>", "&lt;b>x&lt;/b>", "&lt;b&gt;x&lt;/b&gt;", "$<$b$>$x$<$/b$>$"),
        ("p < 0.001", "p < 0.001", "p &lt; 0.001", "p $<$ 0.001"),
        ("a|b", "a\\|b", "a|b", "a|b"),
        ("a & b &lt;", "a & b &amp;lt;", "a &amp; b &amp;lt;", r"a \& b \&lt;"),
        ("5 % of $1 #2 {x}", "5 % of $1 #2 {x}", "5\xa0% of $1 #2 {x}", r"5 \% of \$1 \#2 \{x\}"),
        ("acc_syn __init__", r"acc_syn \_\_init\_\_", "acc_syn __init__", r"acc\_syn \_\_init\_\_"),
        ("*x* **y** `z`", r"\*x\* \*\*y\*\* \`z\`", "*x* **y** `z`", "*x* **y** `z`"),
        ("[a](http://b)", r"[a\](http://b)", "[a](http://b)", "[a](http://b)"),
        (r"C:\new \* ~ ^", r"C:\new \\\* ~ ^", r"C:\new \* ~ ^", r"C:\textbackslash{}new \textbackslash{}* \textasciitilde{} \textasciicircum{}"),
        ("± ≥ ≤ ↑ ↓", "± ≥ ≤ ↑ ↓", "± ≥ ≤ ↑ ↓", r"$\pm$ $\geq$ $\leq$ $\uparrow$ $\downarrow$"),
        ("'\"", "'\"", "&#39;&#34;", "'\""),
        ("two\nlines", "two lines", "two\nlines", "two lines"),
    ],
)  # fmt: skip
def test_what_a_cell_says_stays_text(text: str, in_markdown: str, in_html: str, in_latex: str) -> None:
    found = table(text)
    assert f"| {in_markdown} " in found.markdown()
    assert f">{in_html}</td>" in html([found])
    assert f"& {in_latex} \\\\" in found.latex()
    assert next(csv.reader(found.csv().splitlines()[1:2]))[3] == " ".join(text.split()) or "\n" in text


def test_titles_notes_and_heads_are_escaped_too() -> None:
    found = Table.of("A & <b>|", "5 % <i>", numbers("<x>_%"), [[figure(1.0, ".0f")]])
    page = html([found, Heading("<h>"), Paragraph("<p>", 'x"y'), Bullets(("<u>",)), Facts((("<n>", "<f>"),))])
    assert not any(f"<{tag}>" in page for tag in "bixnfhu")
    assert page.count("&lt;") == 1 + 4 + 4  # the caption twice, the note, the head; then one for each block, facts two
    assert 'class="x&#34;y"' in page
    assert r"\caption{A \& $<$b$>$|}" in found.latex()
    assert r"\footnotesize 5 \% $<$i$>$" in found.latex()
    assert found.markdown().startswith("**A & &lt;b>\\|.** 5 % &lt;i>\n")
    assert "| &lt;x>\\_% |" in found.markdown().replace("   ", " ").replace("  ", " ")


# -- what is bold ------------------------------------------------------------------------------------------------------


def test_a_flag_makes_a_cell_bold_in_every_language_and_only_that_cell() -> None:
    found = table()
    assert found.markdown().count("**") == 2 + 2  # the caption, the cell
    assert "**0.900**" in found.markdown()
    assert html([found]).count("<strong>") == 1
    assert '<td class="num" data-value="0.9" data-flag="best"><strong>0.900</strong></td>' in html([found])
    assert found.latex().count(r"\textbf") == 1
    assert r"\textbf{0.900}" in found.latex()
    assert "*" not in found.csv()


def test_bold_words_are_no_flag() -> None:
    plain = Cell("**0.9**")
    assert plain.flag is None
    assert plain.markdown() == r"\*\*0.9\*\*"
    assert Cell("0.9").flagged(None) == Cell("0.9")


# -- what is missing ---------------------------------------------------------------------------------------------------


def test_what_is_missing_is_a_dash_without_a_number_in_every_language() -> None:
    found = table()
    assert '<td class="num">-</td>' in html([found])
    assert cells(found.markdown(), "| `a", "|")[3] == "-"
    assert cells(found.latex(), "a[b=1,c]", "&")[2] == "-"
    assert list(csv.reader(io.StringIO(found.csv())))[1][2] == "-"
    assert ABSENT.number is None
    assert figure(float("nan"), ".3f").number is None


def test_a_table_without_rows_keeps_its_head() -> None:
    empty = Table.of("Utility", "", HEAD, [])
    assert "| generator" in empty.markdown()
    assert r"generator & acc\_syn $\uparrow$ & AUC $\downarrow$ & reason \\" in empty.latex()
    assert empty.csv() == "generator,acc_syn ↑,AUC ↓,reason\n"
    assert "<tbody>\n</tbody>" in html([empty])


# -- columns, captions and names ---------------------------------------------------------------------------------------


def test_columns_have_sides_arrows_and_a_first_order() -> None:
    found = table()
    assert r"\begin{tabular}{lrrl}" in found.latex()
    assert found.markdown().splitlines()[3].count("|") == 5
    assert [c.heading for c in HEAD] == ["generator", "acc_syn ↑", "AUC ↓", "reason"]
    page = html([found, Table.of("Size", "", numbers("n"), [])])
    assert re.findall('data-first="(.*?)"', page) == ["ascending", "descending", "ascending", "ascending", "descending"]
    assert '<th scope="col" class="num" data-first="descending">acc_<wbr>syn\u00a0↑</th>' in html([found])


def test_simulated_data_are_named_in_the_caption_of_every_language() -> None:
    found, real = table(simulated=True), table()
    for written in (found.markdown(), found.latex(), html([found])):
        assert "Utility, SIMULATED data" in written
    for written in (real.markdown(), real.latex(), html([real])):
        assert "SIMULATED" not in written


def test_rows_of_generators_can_be_found_by_their_name() -> None:
    page = html([table()])
    assert '<tr data-generator="a[b=1,c]">' in page
    assert '<tr class="control" data-generator="noise (control)">' in page
    assert "<code>a[<wbr>b=1,<wbr>c]</code>" in page
    assert "data-generator" not in html([Table.of("Genes", "", words("gene"), [["TP53"]])])


# -- running text and the other blocks ---------------------------------------------------------------------------------


def test_running_text_is_joined_and_keeps_its_kinds() -> None:
    text = prose("{} is {}", code("a|`b"), bold("good")) + "; " + joined(["x", italic("y"), "z"], " and ")
    assert str(text) == "a|`b is good; x and y and z"
    assert [span.kind for span in text.spans if span.kind != "plain"] == ["code", "bold", "italic"]
    assert markdown([Paragraph(code("a|`b") + " " + bold("good") + " " + italic("x"))]) == "`a\\|'b` **good** *x*\n"
    assert html([Paragraph(bold("<a>") + italic("b"))]).strip() == "<p><strong>&lt;a&gt;</strong><em>b</em></p>"
    assert joined([]) == Text()
    with pytest.raises(ValueError, match="argument 2 is longer"):
        prose("{} and {}", code("a"))


def test_blocks_are_written_one_after_the_other() -> None:
    blocks: list[Block] = [
        Heading("Use of " + code("x"), level=1),
        Quote("one\ntwo", "Mark"),
        Quote(bold("Mark.") + " three"),
        Facts((("Source", "a\nb"), ("As " + code("x"), "c"))),
        Bullets(("d", italic("e"))),
        Picture(Path("folder/p.png"), "Shown", "f", "g"),
    ]
    assert markdown(blocks) == (
        "# Use of `x`\n\n> ## Mark\n>\n> one\n> two\n\n> **Mark.** three\n\n- **Source:** a b\n- **As `x`:** c\n\n"
        "- d\n- *e*\n\n**Shown.** f\n\n![g](p.png)\n"
    )


def test_a_drawing_is_put_into_the_page_and_a_caption_is_not_markup() -> None:
    page = html([Picture(Markup("<svg></svg>"), "<b>", "note", "alt")])
    assert "<svg></svg>" in page
    assert "<figcaption><strong>&lt;b&gt;. </strong>note</figcaption>" in page
