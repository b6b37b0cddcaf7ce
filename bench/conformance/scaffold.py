"""Writes the file a new plugin starts from: a working one, with its contract explained in place, and its tests."""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import bench
from bench.core.errors import PluginError
from bench.core.files import explain_io_errors
from bench.datasets import dataset_names
from bench.registry.finding import FOLDERS, plugins

NewKind = Literal["generator", "attack", "metric", "dataset", "command"]
NEW_KINDS: tuple[NewKind, ...] = get_args(NewKind)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Scaffold:
    """What was written: the plugin, all files, the tests (or None), and whether the harness finds the plugin itself."""

    kind: NewKind
    name: str
    plugin: Path
    files: tuple[Path, ...]
    tests: Path | None
    built_in: bool


def write_scaffold(kind: NewKind, name: str, folder: Path, *, tests: bool = True) -> Scaffold:
    """Write a plugin and ``test_<name>.py`` into a folder, or where they belong if it is this project's checkout.

    The plugin is ``<name>.py``; for a generator made of commands, ``<name>.toml`` and two scripts.

    Raises
    ------
    PluginError
        If the name cannot be used, a file is there already, or the folder cannot be written.
    """
    _check_name(kind, name)
    built_in = kind in FOLDERS and (folder / "bench").resolve() == Path(bench.__file__).resolve().parent
    home = folder / FOLDERS[kind] if built_in else folder  # type: ignore[index]
    test = folder / "tests" if built_in else folder
    templates = {path.name: path for path in sorted(_TEMPLATES.glob(f"*my_{kind}*")) if path.suffix in (".py", ".toml")}
    place = _found_by_name if built_in else _outside
    files = {}
    for template, path in templates.items():
        is_test = template.startswith("test_")
        if tests or not is_test:
            target = (test if is_test else home) / template.replace(f"my_{kind}", name)
            files[target] = place(_filled(path, kind, name), kind, name)
    _write(files)
    main = home / (f"{name}.toml" if kind == "command" else f"{name}.py")
    return Scaffold(kind, name, main, tuple(files), test / f"test_{name}.py" if tests else None, built_in)


def _write(files: dict[Path, str]) -> None:
    """Write all files, or none if one of them is there."""
    for path in files:
        if path.exists():
            raise PluginError(f"{path} is there already and is left as it is. Choose another name, or remove it.")
    for path, text in files.items():
        with explain_io_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def _check_name(kind: NewKind, name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        snake = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_0123456789")
        near = f", such as {snake!r}" if _NAME.fullmatch(snake) and not keyword.iskeyword(snake) else ""
        raise PluginError(
            f"{name!r} cannot be the name of a {kind}: expected lower-case letters, digits and '_', a letter first, 64 "
            f"at most, and no word of the Python language{near}."
        )
    if reason := _taken(kind, name):
        raise PluginError(f"{name!r} cannot be the name of a {kind}: {reason}. Choose another name.")


def _taken(kind: NewKind, name: str) -> str:
    """Return why a name that reads well would still do harm; empty if it would not."""
    if name.startswith("test_"):
        return "pytest would take the file for tests"
    if kind == "dataset":
        known: Collection[str] = dataset_names()
    else:
        known = plugins("generator" if kind == "command" else kind)
    if name in known:
        return "there is one of that name, as `bench list` shows"
    if kind == "dataset" and re.search(
        rf"^(from|import) .*\b{name}$", (_TEMPLATES / "my_dataset.py").read_text(), flags=re.MULTILINE
    ):
        return "the file imports something of that name"
    if _is_module(name):
        return f"a file {name}.py would hide the installed Python module of that name"
    return ""


def _is_module(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module without a spec, such as __main__
        return True
    return spec is not None


def _filled(template: Path, kind: NewKind, name: str) -> str:
    text = template.read_text(encoding="utf-8")
    cls = "".join(word.capitalize() for word in name.split("_"))
    if re.search(rf"\b{cls}\b", text):  # a generator "cohort" must not hide the class Cohort
        cls += kind.capitalize()
    return text.replace(f"my_{kind}", name).replace(f"My{kind.capitalize()}", cls).replace(f"My {kind}", cls)


def _outside(text: str, kind: NewKind, name: str) -> str:
    """Return the file as it is elsewhere: `bench` is a library like the others, and imports are sorted accordingly."""
    ours = re.search(r"((?:^(?:import|from) .*\n)+)\n((?:^from bench.*\n)+)", text, flags=re.MULTILINE)
    if ours is None:
        return text
    lines = sorted((ours[1] + ours[2]).splitlines(), key=lambda line: (line.startswith("from"), line.split()[1]))
    return text.replace(ours[0], "\n".join([*lines, ""]))


def _found_by_name(text: str, kind: NewKind, name: str) -> str:
    """Return the file as it is in the checkout, where tests find a plugin by its name."""
    text = text.replace(f'add_plugin_file(Path(__file__).with_name("{name}.py"))', f'find("{kind}", "{name}")')
    text = text.replace("from pathlib import Path\n\n", "")
    return text.replace("import add_plugin_file, create\n", "import create, find\n")
