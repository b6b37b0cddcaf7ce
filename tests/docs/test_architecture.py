"""The tour of the house names every room and no other, and its picture is drawn from today's import contract."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PACKAGES = {
    ".".join(path.parent.relative_to(ROOT).parts)
    for path in (ROOT / "bench").rglob("__init__.py")
    if path.parent != ROOT / "bench"
}


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """The module that draws the picture, which lies beside the documents."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    import architecture_picture

    yield architecture_picture
    sys.modules.pop("architecture_picture")


def test_the_tour_names_every_package() -> None:
    assert [name for name in sorted(PACKAGES) if f"`{name}`" not in PAGE] == []


def test_every_room_has_a_paragraph() -> None:
    rooms = {name for name in PACKAGES if name.count(".") == 1}
    told = re.findall(r"^### `(bench\.\w+)`\n\n\S", PAGE, flags=re.MULTILINE)
    assert sorted(told) == sorted(rooms)


def test_the_tour_names_no_package_or_file_that_is_not_there() -> None:
    named = set(re.findall(r"`(bench(?:\.\w+)+)`", PAGE))
    assert named <= PACKAGES
    files = set(re.findall(r"`((?:bench|docs|generators|attacks|metrics)/[\w/.]*)`", PAGE))
    assert len(files) > 20
    assert [name for name in sorted(files) if not (ROOT / name).exists()] == []


def test_every_room_has_a_layer(picture) -> None:  # type: ignore[no-untyped-def]
    rooms = [room for layer in picture.layers() for room in layer]
    assert sorted(f"bench.{room}" for room in rooms) == sorted(n for n in PACKAGES if n.count(".") == 1)


def test_the_picture_is_drawn_from_the_contract_of_today(picture) -> None:  # type: ignore[no-untyped-def]
    drawn = [element.text for element in ElementTree.parse(picture.PICTURE).iter() if element.tag.endswith("}text")]
    assert [text for text in drawn if text != "may import"] == picture.texts(), "python docs/architecture_picture.py"


def test_drawing_the_picture_again_gives_the_same_texts(picture, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture.draw(tmp_path / "again.svg")
    texts = [e.text for e in ElementTree.parse(tmp_path / "again.svg").iter() if e.tag.endswith("}text")]
    assert texts.count("may import") == 1
    assert [text for text in texts if text != "may import"] == picture.texts()


def test_the_front_pages_link_to_the_tour() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "docs/index.md"):
        assert "architecture" in (ROOT / page).read_text(encoding="utf-8"), page
