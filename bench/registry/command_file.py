"""Reads the TOML file that declares a generator made of two commands, `fit` and `sample`, in any language."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core.errors import PluginError, near_name

STEPS = ("fit", "sample")
# what the harness puts in place of {name} in the words of a command, and which of them a command cannot do without
_COMMON = {"seed", "here", "python"}
_PLACES = {
    "fit": {"train_data", "train_labels", "model"} | _COMMON,
    "sample": {"model", "n", "synthetic_data", "synthetic_labels"} | _COMMON,
}
_NEEDED = {
    "fit": {"train_data", "train_labels", "model"},
    "sample": {"model", "n", "seed", "synthetic_data", "synthetic_labels"},
}
_TYPES: dict[str, tuple[type, str]] = {
    "summary": (str, "text"),
    "doi": (str, "text"),
    "files": (list, "list"),
    "params": (dict, "table"),
    "quick": (dict, "table"),
    "environment": (dict, "table"),
}
_RESOURCES = ("memory_gb", "minutes", "gpus")
_KEYS = (*STEPS, *_TYPES, *_RESOURCES)
_PLACE = re.compile(r"\{(\w+)\}")
Param = str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class CommandFile:
    """A generator made of commands, as its file declares it.

    Parameters
    ----------
    path : the TOML file; its name is the generator's, and its folder is where the commands run
    fit, sample : the words of the commands, with ``{placeholders}``
    files : further files that results depend on, as patterns relative to the folder
    params : hyper-parameters with their defaults, each a placeholder of its own
    environment : environment variables of the commands, beside those of the harness
    options : what a Python plugin hands to its decorator: doi, quick and resources
    """

    path: Path
    summary: str
    fit: tuple[str, ...]
    sample: tuple[str, ...]
    files: tuple[str, ...] = ()
    params: Mapping[str, Param] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def words(self, step: str, values: Mapping[str, object]) -> list[str]:
        """Return the words of a step with every placeholder filled; a value never becomes several words."""
        known = {**values, "here": self.path.parent, "python": sys.executable}
        words = [_PLACE.sub(lambda match: _text(known[match[1]]), word) for word in getattr(self, step)]
        return [self.program(step) or words[0], *words[1:]]

    def program(self, step: str) -> str | None:
        """Return the full path of the program that a step starts, or None if it is not there."""
        word = getattr(self, step)[0].replace("{python}", sys.executable).replace("{here}", str(self.path.parent))
        return shutil.which(str(self.path.parent / word) if "/" in word else word)

    def missing(self) -> str | None:
        """Return why the commands cannot run here (a program that is not there), or None."""
        for step in STEPS:
            if self.program(step) is None:
                return (
                    f"generator {self.path.stem!r}: there is no program {getattr(self, step)[0]!r}, which its {step} "
                    f"command starts. Install it, or mend {self.path}."
                )
        return None

    def digest(self) -> str:
        """Return the SHA-256 of the commands and of every file that they name, for the keys of results."""
        parts: dict[str, Any] = {name: getattr(self, name) for name in ("fit", "sample", "files", "environment")}
        parts["content"] = {str(path): _sha256(path) for path in sorted(set(self._named_files()))}
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=dict).encode()).hexdigest()

    def _named_files(self) -> Iterator[Path]:
        folder = self.path.parent
        for word in (*self.fit, *self.sample):
            path = folder / word.replace("{here}", str(folder))
            if not _PLACE.search(str(path)) and path.is_file():
                yield path
        for pattern in self.files:
            found = [Path(pattern)] if Path(pattern).is_absolute() else sorted(folder.glob(pattern))
            if not (kept := [path for path in found if path.is_file()]):
                raise PluginError(f"{self.path}: files names {pattern!r}, which is no file in {folder}. Mend it.")
            yield from kept


def read_command_file(path: Path) -> CommandFile:
    """Return what a TOML file declares.

    Raises
    ------
    PluginError
        If it is no TOML, a key is missing, unknown or of the wrong type, or a placeholder is.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PluginError(f"plugin file {path} cannot be read as TOML: {error}. Mend the file.") from error
    try:
        return _checked(path.resolve(), content)
    except PluginError as error:
        raise PluginError(f"plugin file {path}: {error}") from error


def _checked(path: Path, content: Mapping[str, Any]) -> CommandFile:
    for name in content:
        if name not in _KEYS:
            raise PluginError(f"there is no key {name!r}.{near_name(name, _KEYS)} Its keys: {', '.join(_KEYS)}.")
    for name, (kind, called) in _TYPES.items():
        if not isinstance(content.get(name, kind()), kind):
            raise PluginError(f"{name} is {content[name]!r}; expected a {called}.")
    params = _params(content.get("params", {}))
    options = {name: content[name] for name in ("doi", "quick", *_RESOURCES) if name in content}
    if unknown := sorted(set(content.get("quick", {})) - set(params)):
        raise PluginError(f"quick sets {unknown[0]!r}, which is no parameter.{near_name(unknown[0], params)}")
    return CommandFile(
        path=path,
        summary=content.get("summary", ""),
        fit=_command(content, "fit", params),
        sample=_command(content, "sample", params),
        files=tuple(map(str, content.get("files", []))),
        params=params,
        environment={name: str(value) for name, value in content.get("environment", {}).items()},
        options=options,
    )


def _params(params: Mapping[str, Any]) -> dict[str, Param]:
    for name, value in params.items():
        if not name.isidentifier() or name in _PLACES["fit"] | _PLACES["sample"]:
            raise PluginError(f"a parameter cannot be called {name!r}; choose another name.")
        if not isinstance(value, Param):
            raise PluginError(f"parameter {name!r} is {value!r}; expected a number, a text, true or false.")
    return dict(params)


def _command(content: Mapping[str, Any], step: str, params: Mapping[str, Param]) -> tuple[str, ...]:
    words = content.get(step)
    if isinstance(words, str):
        raise PluginError(
            f'{step} is one text; expected a list of words, such as {step} = ["Rscript", "{step}.R", "{{model}}"]. No '
            'shell reads it, unless you start one: ["bash", "-c", "..."].'
        )
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise PluginError(f"{step} is {words!r}; expected a list of words, the first of which is a program.")
    used = {name for word in words for name in _PLACE.findall(word)}
    known = _PLACES[step] | set(params)
    if unknown := sorted(used - known):
        raise PluginError(
            f"{step} has the placeholder {{{unknown[0]}}}, which is not known.{near_name(unknown[0], known)} Expected "
            f"one of {', '.join(sorted(known))}."
        )
    if lacking := sorted(_NEEDED[step] - used):
        raise PluginError(f"{step} lacks the placeholder {{{lacking[0]}}}; put it where the command expects it.")
    return tuple(words)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
