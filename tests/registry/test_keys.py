"""A key changes with everything a number depends on and with nothing else."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from bench.registry.declarations import Kind, PluginInfo
from bench.registry.digests import key, source_digest
from bench.registry.finding import FOLDERS, plugins
from bench.registry.sources import source_of

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


@pytest.mark.parametrize("info", plugins("generator").values(), ids=lambda info: info.name)
def test_what_a_generator_asks_of_its_machine_does_not_change_its_digest(info: PluginInfo, tmp_path: Path) -> None:
    tree = ast.parse(info.path.read_text())
    call = next(node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "generator")
    call.keywords = [k for k in call.keywords if k.arg not in ("memory_gb", "minutes", "gpus")]
    digests = []
    for more in ("", "memory_gb=1.5", "memory_gb=64, minutes=30, gpus=2", "control=None"):
        call.keywords += ast.parse(f"f({more})").body[0].value.keywords  # type: ignore[attr-defined]
        (tmp_path / "thing.py").write_text(ast.unparse(tree))
        digests.append(digest(tmp_path))
    assert digests[0] == digests[1] == digests[2] != digests[3]


def test_the_same_words_elsewhere_are_code(folder: Path) -> None:
    digests = []
    for call in ("double(1)", "double(1, gpus=1)", "generator(1, gpus=1)", "generator(1, gpus=2)"):
        (folder / "thing.py").write_text(PLUGIN.replace("double(1)", call))
        digests.append(digest(folder))
    assert len(set(digests)) == 4


@pytest.mark.parametrize("helper_moves", [True, False], ids=["with its helper", "without its helper"])
def test_a_plugin_that_moves_to_another_folder_keeps_its_digest(folder: Path, helper_moves: bool) -> None:
    before = digest(folder)
    there = folder / "of_one_modality"
    there.mkdir()
    (folder / "thing.py").rename(there / "thing.py")
    if helper_moves:
        (folder / "_helper.py").rename(there / "_helper.py")
    else:
        (there / "thing.py").write_text(PLUGIN.replace("from ._helper", "from .._helper"))
    assert source_digest(there / "thing.py", "somewhere.of_one_modality.thing") == before
    helper = there / "_helper.py" if helper_moves else folder / "_helper.py"
    helper.write_text("def double(x):\n    return x + x\n")
    assert source_digest(there / "thing.py", "somewhere.of_one_modality.thing") != before


@pytest.mark.parametrize("kind", ["generator", "attack", "metric"])
def test_a_shipped_plugin_keeps_its_digest_in_a_sub_folder(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = importlib.import_module(f"bench.{FOLDERS[kind]}")
    own = Path(package.__path__[0])
    info = next(i for i in plugins(kind).values() if i.path.parent == own and "from ._" in i.path.read_text())
    there = tmp_path / "of_one_modality"
    there.mkdir()
    moved = there / info.path.name
    moved.write_text(info.path.read_text().replace("from ._", "from .._"))
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    assert source_digest(moved, f"bench.{FOLDERS[kind]}.of_one_modality.{info.name}") == source_digest(
        info.path, info.module
    )


def test_what_a_plugin_imports_by_name_is_part_of_its_digest(folder: Path) -> None:
    before = digest(folder)
    (folder / "thing.py").write_text(PLUGIN.replace("import double", "import double as twice"))
    assert digest(folder) != before


def test_the_kind_of_a_generator_is_no_part_of_its_key_and_that_of_an_attack_is(tmp_path: Path) -> None:
    digests = {}
    for kind in ("generator", "attack"):
        for family in ("", ', family="distance"'):
            path = tmp_path / "m.py"
            path.write_text(f'@{kind}("m"{family})\n@dataclass\nclass M:\n    pass\n')
            digests[kind, bool(family)] = source_of(path).digest
    assert digests["generator", False] == digests["generator", True]
    assert digests["attack", False] != digests["attack", True]


def test_how_tables_read_a_measure_and_that_a_control_is_a_floor_are_no_part_of_the_key(tmp_path: Path) -> None:
    start = '@metric("m", family="utility", measures=(Measure("a", "higher"{}),))\n@dataclass\nclass M:\n    pass\n'
    reading = ', decides="use", turn=2, real="b", target=1, chance=0, words="w"'
    control = '@generator("g", control=True{})\n@dataclass\nclass G:\n    pass\n'
    digests = []
    for text in (
        start.format(""),
        start.format(reading),
        start.format(', title="A"'),
        control.format(""),
        control.format(", floor=True"),
    ):
        path = tmp_path / "m.py"
        path.write_text(text)
        digests.append(source_of(path).digest)
    assert digests[0] == digests[1] != digests[2]
    assert digests[3] == digests[4]
