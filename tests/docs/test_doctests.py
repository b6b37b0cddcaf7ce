"""The examples in docstrings run and print what they say, and every public object of `bench` has one."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench.registry import declarations

ROOT = Path(bench.__file__).parent
TEMPLATES = ROOT / "conformance/templates"
PUBLIC = [name for name in bench.__all__ if not name.startswith("_")]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def with_examples() -> Iterator[str]:
    """Yield the names of the modules that hold an example; the others are not imported."""
    for path in sorted(ROOT.rglob("*.py")):
        if TEMPLATES not in path.parents and ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(["bench", *(parts[:-1] if parts[-1] == "__init__" else parts)])


@pytest.mark.parametrize("name", list(with_examples()))
def test_the_examples_in_docstrings_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "no data"))
    monkeypatch.setattr(declarations, "_declared", {})  # the plugins of examples do not meet those of other tests
    done = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert done.attempted > 0
    assert done.failed == 0, "the example that failed is printed above"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_object_has_an_example(name: str) -> None:
    value = getattr(bench, name)
    found = doctest.DocTestFinder(recurse=False).find(value, name, module=False)
    assert found, f"bench.{name} has no docstring"
    assert found[0].examples, f"bench.{name} has no example in its docstring"
