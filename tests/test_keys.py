"""A key changes with everything a number depends on and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.keys import key, source_digest

PLUGIN = '''"""A plugin."""

from ._helper import double


class Thing:
    """Do a thing."""

    def run(self):
        """Run it."""
        return double(1)  # twice
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "thing.py").write_text(PLUGIN)
    (tmp_path / "_helper.py").write_text("def double(x):\n    return 2 * x\n")
    (tmp_path / "_stranger.py").write_text("x = 1\n")
    return tmp_path


def digest(folder: Path) -> str:
    return source_digest(folder / "thing.py", "somewhere.thing")


def test_comments_docstrings_and_layout_do_not_change_the_digest(folder: Path) -> None:
    before = digest(folder)
    text = PLUGIN.replace("# twice", "# two times").replace("Do a thing.", "Do another.").replace("\n\n\n", "\n\n\n\n")
    (folder / "thing.py").write_text(text)
    (folder / "_stranger.py").write_text("x = 2\n")
    assert digest(folder) == before


def test_code_of_the_plugin_and_of_its_helper_changes_the_digest(folder: Path) -> None:
    before = digest(folder)
    (folder / "_helper.py").write_text("def double(x):\n    return x + x\n")
    helper = digest(folder)
    (folder / "thing.py").write_text(PLUGIN.replace("double(1)", "double(2)"))
    assert len({before, helper, digest(folder)}) == 3


def test_a_key_depends_on_step_and_parts_but_not_on_their_order() -> None:
    assert key("sample", a=1, b=2.0) == key("sample", b=2.0, a=1)
    assert len({key("sample", a=1), key("metric", a=1), key("sample", a=2), key("sample", b=1)}) == 4
