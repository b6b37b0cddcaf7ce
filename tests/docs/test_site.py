"""The documentation site: it builds without a warning, and no link inside it leads nowhere."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from bench.registry.declarations import KINDS
from bench.registry.finding import plugins

pytestmark = pytest.mark.full  # the site takes a minute to build
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; the sources are copied, since building writes pages beside them."""
    import shutil

    place = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", place / "docs", ignore=shutil.ignore_patterns("reference", "__pycache__"))
    shutil.copy(ROOT / "CHANGELOG.md", place)
    words = ["-W", "--keep-going", "-q", "-b", "html", str(place / "docs"), str(place / "html")]
    done = subprocess.run([sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place / "html"


class Links(HTMLParser):
    """Collects what a page links to, and the places in it that can be linked to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.to: list[str] = []
        self.places: set[str] = {""}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.places.add(value)
            elif name in ("href", "src") and value:
                self.to.append(value)


def test_every_link_and_picture_of_the_site_is_there(site: Path) -> None:
    pages = {page.resolve(): Links(page) for page in site.rglob("*.html")}
    broken = []
    for page, links in pages.items():
        for link in links.to:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            known = pages[target].places if target in pages else {"", parts.fragment}
            if not target.exists() or unquote(parts.fragment) not in known:
                broken.append(f"{page.name}: {link}")
    assert broken == []


def test_no_page_of_the_site_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text
        assert 'rel="stylesheet" href="http' not in text


def test_the_reference_holds_every_plugin_with_its_parameters_and_measures(site: Path) -> None:
    for kind in KINDS:
        text = (site / f"reference/{kind}s.html").read_text(encoding="utf-8")
        for info in plugins(kind).values():
            if info.origin == "built-in":
                assert f'<section id="{info.name.replace("_", "-")}">' in text, info.name
                assert all(f">{name}<" in text for name in info.params), info.name
                assert all(f">{measure.name}<" in text for measure in info.measures), info.name


def test_the_reference_says_what_a_parameter_is(site: Path) -> None:
    text = (site / "reference/generators.html").read_text(encoding="utf-8")
    rows = text.split('<section id="smote">')[1].split("</section>")[0]
    assert "the published one" in rows  # the comment at the end of the line of `neighbours`


def test_the_site_holds_every_page_of_the_documents(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").exists()
