"""Reads what a user chose on the command line: `all`, names, and `name[param=value]` with checked hyper-parameters."""

from __future__ import annotations

import ast
import functools
import itertools
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, PluginError, near_name
from bench.core.files import sha256
from bench.registry.declarations import Kind, PluginInfo
from bench.registry.finding import create, find, plugins

_GROUPS = ("all", "models", "quick")
_QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
_ITEM = re.compile(rf"(?P<name>[^\[\],]+)(\[(?P<params>(?:{_QUOTED}|[^\[\]'\"])*)\])?")
_PART = re.compile(rf"(?:{_QUOTED}|\([^()]*\)|[^,'\"])+")  # between commas, but not those of a tuple or a quoted text


@dataclass(frozen=True)
class Choice:
    """A plugin with the hyper-parameters that the user set; the others keep their defaults."""

    info: PluginInfo
    overrides: Mapping[str, Any]
    by_name: bool = field(default=True, compare=False)  # False: `all` brought it

    @property
    def params(self) -> dict[str, Any]:
        """All hyper-parameters, defaults included: what a key depends on."""
        return {**self.info.params, **self.overrides}

    @functools.cached_property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each file that a hyper-parameter names: with other content it is another result."""
        named = {name: Path(value) for name, value in self.params.items() if isinstance(value, str) and value}
        return {name: sha256(path) for name, path in named.items() if path.is_file()}

    @property
    def params_text(self) -> str:
        """The hyper-parameters that differ from the defaults, as ``a=1,b=2``; empty if none does."""
        changed = {k: v for k, v in self.overrides.items() if v != self.info.params[k]}
        return ",".join(f"{name}={_written(changed[name])}" for name in sorted(changed))

    @property
    def label(self) -> str:
        """The name as a user writes it, ``name`` or ``name[a=1]``."""
        return f"{self.info.name}[{self.params_text}]" if self.params_text else self.info.name


def _check_archives(info: PluginInfo, overrides: Mapping[str, Any]) -> None:
    """Raise a `PluginError` if a file that a user names for a plugin to read is a damaged npz file."""
    for name in {*info.option("files", ())} & {*overrides}:
        path = Path(str(overrides[name]))
        if path.suffix == ".npz" and path.is_file() and (wrong := _wrong_with_npz(path)):
            raise PluginError(
                f"{info.kind} {info.name!r}: {name}={path} is no complete npz file ({wrong}). Make or download it "
                "again."
            )


def _wrong_with_npz(path: Path) -> str:
    """Return what is wrong with an npz file, or nothing: whether all of it can be unpacked, by its own checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            spoiled = archive.testzip()
    except Exception as error:  # a damaged archive makes zipfile and zlib raise nearly anything
        return f"{error!r}"
    return "" if spoiled is None else f"its part {spoiled!r} does not have its name or checksum"


def choose(kind: Kind, text: str) -> list[Choice]:
    """Return the plugins that a text such as ``"all"`` or ``"a,b[x=1],c[y=1,2]"`` names, each choice once.

    Several values of one parameter (``epsilon=1,2,4``) give one choice each; of several parameters, one for every
    combination. A text with commas or brackets in it goes into quotes: ``options='a=1,b=2'``. ``all`` leaves out what
    declares itself opt-in; ``models`` names everything that is about released models, the opt-in of attacks aside;
    ``quick`` what a first look takes: fast generators and the controls, strong attacks, the metrics that decide.

    Raises
    ------
    PluginError
        If the text cannot be read, a plugin or parameter is unknown, a value has the wrong type, or a file that the
        plugin says it reads is a damaged npz file.
    """
    if not text.strip():
        raise PluginError(f"no {kind} was named; write 'all', 'none' or names with commas between them.")
    chosen: dict[str, Choice] = {}
    for name, params in _items(kind, text):
        if name == "none":
            continue
        for info in _named(kind, name):
            for overrides in _combinations(info, params):
                _check_archives(info, overrides)
                choice = Choice(info, overrides, by_name=name not in _GROUPS)
                chosen.setdefault(choice.label, choice)
    return list(chosen.values())


def _named(kind: Kind, name: str) -> list[PluginInfo]:
    """Return the plugins of a group, or the one of that name; generators of models are in `models` alone."""
    if name not in _GROUPS:
        return [find(kind, name)]
    asked = [i for i in plugins(kind).values() if kind == "generator" or not i.option("opt_in", False)]
    if name == "models":
        return [i for i in asked if i.released == "model"]
    asked = [i for i in asked if not i.option("opt_in", False)]
    return [i for i in asked if i.is_quick] if name == "quick" else asked


def made(kind: Kind, text: str) -> Any:
    """Return a fresh copy of the one plugin that a text names, such as ``"private_pgm[epsilon=4]"``.

    Raises
    ------
    PluginError
        As `choose`, or if the text names another number of plugins than one.
    """
    chosen = choose(kind, text)
    if len(chosen) != 1:
        raise PluginError(f"{text!r} names {len(chosen)} {kind}s; expected one.")
    return create(chosen[0].info, chosen[0].params)


def _written(value: Any) -> str:
    """Return a value as it is typed: a text in quotes only where it would be misread without them."""
    plain = not isinstance(value, str) or (value and value == value.strip() and not re.search(r"[,\[\]'\"\\]", value))
    return str(value) if plain else repr(value)


def _items(kind: Kind, text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _ITEM.match(text, position)
        if not match or (match.end() < len(text) and text[match.end()] != ","):
            raise PluginError(
                f"the {kind} list {text!r} cannot be read at {text[position:]!r}; expected names with commas between "
                "them, each with an optional [param=value,...]."
            )
        yield match["name"].strip(), match["params"] or ""
        position = match.end() + 1


def _combinations(info: PluginInfo, text: str) -> Iterator[dict[str, Any]]:
    values: dict[str, list[Any]] = {}
    name = ""
    for part in filter(None, (p.strip() for p in _PART.findall(text))):
        left, equals, right = ("", "", "") if part[0] in "'\"" else part.partition("=")
        if equals:
            name = left.strip()
        elif not name:
            raise PluginError(f"{info.kind} {info.name!r}: {part!r} is no parameter; write param=value.")
        values.setdefault(name, []).append(_parse(info, name, (right if equals else part).strip()))
    for combination in itertools.product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def all_params(info: PluginInfo, text: str) -> dict[str, Any]:
    """Return all hyper-parameters of a plugin, those in a text such as ``"a=1,b=2"`` (`Choice.params_text`) set.

    Raises
    ------
    PluginError
        If the plugin has no such parameter or a value has the wrong type.
    """
    return {**info.params, **next(_combinations(info, text))}


def _parse(info: PluginInfo, name: str, text: str) -> Any:
    if name not in info.params:
        known = f"{near_name(name, info.params)} Its parameters: {', '.join(info.params) or 'none'}."
        raise PluginError(f"{info.kind} {info.name!r} has no parameter {name!r}.{known}")
    default = info.params[name]
    try:
        value = ast.literal_eval({"true": "True", "false": "False", "none": "None"}.get(text.lower(), text))
    except (ValueError, SyntaxError):
        value = float(text) if text.lower() in ("inf", "-inf", "infinity") else text
    if isinstance(default, str) and value is not None and not isinstance(value, str):
        value = text  # a text that looks like a number is a text all the same
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if default is not None and value is not None and type(value) is not type(default):
        raise PluginError(
            f"{info.kind} {info.name!r}: {name}={text!r} is of type {type(value).__name__}; "
            f"expected {type(default).__name__} such as {default!r}."
        )
    return value


def whole_numbers(text: str, what: str) -> list[int]:
    """Return whole numbers from a text such as ``"1,2"`` or ``"1-3,5"``.

    Raises
    ------
    BenchError
        If the text holds anything else.
    """
    found: list[int] = []
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise BenchError(
                f"--{what} {text!r} cannot be read at {part!r}; expected whole numbers such as 1,2 or 1-3."
            )
        found.extend(range(int(low), int(high or low) + 1))
    return list(dict.fromkeys(found))


def positive_numbers(text: str, what: str) -> list[float]:
    """Return positive numbers, rising and each once, from a text such as ``"0.3,1,10"``.

    Raises
    ------
    BenchError
        If the text holds anything else.
    """
    found = set()
    for part in text.split(","):
        try:
            number = float(part)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise BenchError(
                f"--{what} {text!r} cannot be read at {part.strip()!r}; expected positive numbers such as 0.3,1,10."
            )
        found.add(number)
    return sorted(found)
