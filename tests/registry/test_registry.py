"""Plugins are found, read without being imported, and refused with words that help."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runs import bench

from bench import PluginError
from bench.registry import finding
from bench.registry.declarations import read_info
from bench.registry.finding import add_plugin_file, create, find, plugins

GOOD = '''"""A test generator."""

from dataclasses import dataclass

from bench import generator


@generator("{name}", doi="10.1/x"{more})
@dataclass(kw_only=True)
class Thing:
    """Return what it was given."""

    scale: float = 1.0
    mode: str = "plain"

    def fit(self, cohort, *, rng):
        return self

    def sample(self, n, *, rng):
        return None
'''


def write(folder: Path, name: str, text: str = GOOD, more: str = "") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text.replace("{name}", name).replace("{more}", more))
    return path


def test_listing_imports_no_plugin_and_no_heavy_library() -> None:
    code = (
        "import sys; from click.testing import CliRunner; import bench.cli as c;"
        "r = CliRunner().invoke(c._bench, ['list']); assert r.exit_code == 0, r.output;"
        "assert 'multivariate' in r.output;"
        "bad = {'torch', 'sklearn', 'opacus', 'mbi', 'bench.generators.multivariate'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_built_in_plugin_has_a_summary_and_its_file_name() -> None:
    for kind in ("generator", "attack", "metric"):
        for name, info in plugins(kind).items():
            assert info.summary
            assert info.path.stem == name


def test_a_file_from_anywhere_becomes_a_generator_with_its_parameters(tmp_path: Path) -> None:
    info = add_plugin_file(write(tmp_path, "from_anywhere"))
    assert find("generator", "from_anywhere").params == {"scale": 1.0, "mode": "plain"}
    assert create(info, {"scale": 2.0}).scale == 2.0


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Make an installed package of entry points that announces one generator; afterwards nobody remembers it."""

    def announced(name: str, module: str) -> None:
        folder = tmp_path / "announces-1.0.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: announces\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[bench.generators]\n{name} = {module}\n")
        monkeypatch.syspath_prepend(tmp_path)
        finding._announced.cache_clear()

    yield announced
    finding._announced.cache_clear()


def test_an_installed_package_announces_its_plugins(tmp_path: Path, announce: Callable[[str, str], None]) -> None:
    write(tmp_path, "from_a_package")
    announce("from_a_package", "from_a_package")
    assert find("generator", "from_a_package").origin == "announces"
    announce("from_a_package", "no_such_module")
    with pytest.raises(PluginError, match="'announces' announces generator 'from_a_package', but has no module"):
        plugins("generator")
    write(tmp_path, "holds_nothing", "x = 1\n")
    announce("from_a_package", "holds_nothing")
    with pytest.raises(PluginError, match="'holds_nothing' declares none"):
        plugins("generator")


def test_a_generator_says_what_it_asks_of_its_machine(tmp_path: Path) -> None:
    asked = [", memory_gb=1.5, minutes=30, gpus=2", ', needs=("torch",)', ', needs=("torch",), gpus=0', ""]
    infos = [add_plugin_file(write(tmp_path, f"asks_{i}", more=more)) for i, more in enumerate(asked)]
    found = [(r.memory_gb, r.minutes, r.gpus) for r in (info.resources for info in infos)]
    assert found == [(1.5, 30, 2), (None, None, 1), (None, None, 0), (None, None, 0)]
    assert all(create(info) for info in infos)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(PluginError, match="Did you mean 'multivariate'"):
        find("generator", "multivariat")


def test_two_files_of_one_name_are_refused_and_one_given_twice_is_not(tmp_path: Path) -> None:
    text = '@generator("twin")\n@dataclass(kw_only=True)\nclass T:\n    """T."""\n    def fit(self, cohort, *, rng): ...\n    def sample(self, n, *, rng): ...\n'
    first, second = tmp_path / "a" / "twin.py", tmp_path / "b" / "twin.py"
    for path in (first, second):
        path.parent.mkdir()
        path.write_text(text)
    twice = bench(tmp_path, "list", "--plugin", "a/twin.py", "--plugin", "a/../a/twin.py")
    assert (twice.returncode, "twin" in twice.stdout) == (0, True), twice.stderr
    both = bench(tmp_path, "list", "--plugin", "a/twin.py", "--plugin", "b/twin.py")
    assert both.returncode == 2
    assert "the plugin files a/twin.py and b/twin.py have one name, 'twin'" in both.stderr
    second.write_text("def twin() -> Dataset: ...\n")  # another kind of thing may have the name
    assert bench(tmp_path, "list", "--plugin", "a/twin.py", "--plugin", "b/twin.py").returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("scale: float = 1.0", "scale: float"), "parameter 'scale' has no default"),
        (GOOD.replace("= 1.0", "= compute()"), "'compute()' is not a plain value"),
        (GOOD.replace('"{name}"', '"other"'), "declares 'other'; expected the file's name"),
        (GOOD.replace('"{name}"', '"quick"'), "all, models, none, quick name groups"),
        ("x = 1\n", "declares no @generator, @attack or @metric class"),
        ("def broken(:\n", "cannot be read"),
        (GOOD.replace("{more}", ", memory_gb='much'"), "memory_gb='much'; expected a number above 0"),
        (GOOD.replace("{more}", ", minutes=0"), "minutes=0; expected a number above 0"),
        (GOOD.replace("{more}", ", gpus=0.5"), "gpus=0.5; expected a whole number"),
        (GOOD + GOOD, "declares 2 plugins"),
    ],
)
def test_a_bad_plugin_file_is_refused_with_the_reason(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, "bad", text)
    with pytest.raises(PluginError) as error:
        add_plugin_file(path)
    assert words in str(error.value)


def test_a_missing_plugin_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="does not exist"):
        add_plugin_file(tmp_path / "nothing.py")


def test_a_table_named_as_a_plugin_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("patient,diagnosis\nP1,tumour\n")
    with pytest.raises(PluginError, match=r"people\.csv is no \.py or \.toml file; `bench new") as found:
        add_plugin_file(tmp_path / "people.csv")
    assert "tumour" not in str(found.value)


def test_a_file_may_not_take_the_name_of_a_built_in_one(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="name of a built-in"):
        add_plugin_file(write(tmp_path, "multivariate"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("@dataclass(kw_only=True)\n", ""), "is not a dataclass"),
        (GOOD.replace("def sample", "def draw"), "has no method 'sample'"),
    ],
)
def test_a_class_that_breaks_the_contract_is_refused_at_import(tmp_path: Path, text: str, words: str) -> None:
    info = add_plugin_file(write(tmp_path, f"broken_{len(text)}", text))
    with pytest.raises(PluginError, match=words):
        create(info)


def test_one_plugin_under_two_module_names_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "twice")
    first, second = (read_info(path, f"bench_plugin_{n}") for n in ("twice_a", "twice_b"))
    assert first is not None
    assert second is not None
    create(first)
    with pytest.raises(PluginError, match="declared before by the module"):
        create(second)


def test_a_missing_library_names_the_extra(tmp_path: Path) -> None:
    info = add_plugin_file(write(tmp_path, "needy", more=', needs=("no_such_library",)'))
    with pytest.raises(PluginError, match=r"needs the package 'no_such_library'.*pip install 'omics-bench\[all\]'"):
        create(info)
