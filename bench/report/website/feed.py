"""The feed of a site (Atom, RFC 4287): an entry for each state that the results of a dataset ever had on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

_ATOM = "http://www.w3.org/2005/Atom"
_NAME = "about.json"  # beside a permanent page: what the feed says of it
_NAMED = 8  # releases in a sentence


def note(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write down what a permanent page is about, once: its folder outlives the results that it was made from.

    Parameters
    ----------
    folder : of the page
    facts : ``dataset``, ``title``, ``created``, ``page`` (its path on the site) and ``releases`` (their names)
    """
    path = folder / _NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def feed(site: Path) -> str:
    """Return the feed of a site, from what lies beside its permanent pages; the newest state first."""
    held = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(site.glob(f"at/*/{_NAME}"))]
    held.sort(key=lambda one: (one["created"], one["dataset"]))
    root = ET.Element(f"{{{_ATOM}}}feed")
    ET.register_namespace("", _ATOM)
    _add(root, "title", "omics-bench: changes of the results")
    _add(root, "id", "urn:omics-bench:results")
    _add(root, "updated", held[-1]["created"] if held else "1970-01-01T00:00:00+00:00")
    author = ET.SubElement(root, f"{{{_ATOM}}}author")
    _add(author, "name", "omics-bench")
    for one, text in reversed(list(_told(held))):
        entry = ET.SubElement(root, f"{{{_ATOM}}}entry")
        _add(entry, "title", f"{one['dataset']}: {text}")
        _add(entry, "id", f"urn:omics-bench:{one['page']}")
        _add(entry, "updated", one["created"])
        ET.SubElement(entry, f"{{{_ATOM}}}link", href=one["page"])
        _add(entry, "summary", one["title"])
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}").text = text


def _told(held: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield each state, oldest first, with how it differs from the one before it of the same dataset."""
    before: dict[str, set[str]] = {}
    for one in held:
        mine, earlier = set(one["releases"]), before.get(one["dataset"])
        before[one["dataset"]] = mine
        if earlier is None:
            yield one, f"{len(mine)} releases"
            continue
        parts = [
            f"{word} {_names(found)}" for word, found in (("new:", mine - earlier), ("gone:", earlier - mine)) if found
        ]
        yield one, "; ".join(parts) or "other numbers of the same releases"


def _names(labels: set[str]) -> str:
    shown = sorted(labels)[:_NAMED]
    return ", ".join(shown) + (f" and {len(labels) - len(shown)} more" if len(labels) > len(shown) else "")
