"""What a plugin declares: the decorators that its class wears, and the reading of them without importing the file.

A plugin is one file with one decorated dataclass; the file name is the plugin's name. The declaration is read from the
syntax tree, so that listing plugins imports neither them nor the libraries they need.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from bench.core.errors import PluginError
from bench.core.records import MODALITIES, Modality
from bench.core.released import RELEASED, Released
from bench.core.roles import Access
from bench.registry.resources import Resources, resources_of

Kind = Literal["generator", "attack", "metric"]
AttackFamily = Literal["distance", "density", "structure", "model", "ensemble"]
GeneratorFamily = Literal[
    "", "resampling", "moments", "copula", "graphical model", "factors", "autoencoder", "gan", "diffusion", "chain",
    "language model", "classifier", "noisy rows", "adapter",
]  # fmt: skip
Preset = Literal["", "quick"]
Decides = Literal["", "use", "worst", "science"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# what the harness hands each method: positional arguments and keywords
HANDED: dict[Kind, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "generator": {"fit": (("cohort",), ("rng",)), "sample": (("n",), ("rng",))},
    "attack": {"score": (("view",), ("rng",))},
    "metric": {"__call__": (("train", "holdout", "synthetic"), ("rng",))},
}
HANDED_MODEL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # of a generator that releases a model
    "fit": (("cohort",), ("rng",)),
    "release": ((), ("rng",)),
    "predict_proba": (("model", "X"), ()),
}
GROUPS = ("all", "models", "none", "quick")  # what names several plugins, or none, where names are listed
Modalities = Literal["all"] | tuple[Modality, ...]
NAME = re.compile(r"[a-z][a-z0-9_]*")  # of a plugin
T = TypeVar("T", bound=type)


@dataclass(frozen=True)
class Measure:
    """What one number means: its name in the rows, which way is better, its bounds and where tables show it.

    Parameters
    ----------
    name : str, the name in the rows, with the statistic in it
    better : ``"higher"``, ``"lower"`` or ``"none"`` (a reference value, not a score)
    low, high : float, the bounds; infinite if there are none
    table : str, the leaderboard table that shows it; empty for rows only
    rank : int, position of its column in that table
    title : str, the column head; the name if empty
    decides : what it says on the first screen of a page: ``"use"`` (how good what is released is for its purpose; the
        order of the generators, and the height in the picture, come from it), ``"worst"`` (the same where it is worst,
        such as in the worst class) or ``"science"`` (what of the science survives); empty if its table alone shows it
    turn : int, of several that decide the same, those with the smallest are taken first; a release is judged by the
        first that its rows hold, so that each modality and each kind of release has its own
    real : str, the measure in the same rows that says what real people score; ``"best"`` where people cannot be asked:
        a release is then held against the best one on the page that claims nothing
    target : float or None, the value that real people have by definition; the closer, the better, `better` aside
    chance : float or None, what a release scores that knows nothing; nothing that is no better is called best
    words : str, what sentences call it, such as ``"balanced accuracy"``; the column head if empty

    Raises
    ------
    PluginError
        If `better` or `decides` is something else.

    Examples
    --------
    >>> from bench import Measure
    >>> Measure("gene_corr_rmse", better="lower", low=0, high=2, table="fidelity").better
    'lower'
    >>> Measure("density", low=0, target=1.0).merit(3.5)
    -2.5
    """

    name: str
    better: Literal["higher", "lower", "none"] = "higher"
    low: float = -math.inf
    high: float = math.inf
    table: str = ""
    rank: int = 0
    title: str = ""
    decides: Decides = ""
    turn: int = 1
    real: str = ""
    target: float | None = None
    chance: float | None = None
    words: str = ""

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower", "none"):
            raise PluginError(f"measure {self.name!r}: better={self.better!r}; expected 'higher', 'lower' or 'none'.")
        if self.decides not in get_args(Decides):
            raise PluginError(
                f"measure {self.name!r}: decides={self.decides!r}; expected 'use', 'worst', 'science' or nothing."
            )

    @property
    def head(self) -> str:
        """What a table calls it."""
        return self.title or self.name

    @property
    def called(self) -> str:
        """What sentences and the first screen call it."""
        return self.words or self.head

    @property
    def scored(self) -> bool:
        """True if some values are better than others."""
        return self.better != "none" or self.target is not None

    def merit(self, value: float) -> float:
        """Return a value such that larger is better: itself, its negative, or minus its distance from the target."""
        if self.target is not None:
            return -abs(value - self.target)
        return -value if self.better == "lower" else value


@dataclass(frozen=True)
class PluginInfo:
    """What a plugin declares, read without importing it."""

    kind: Kind
    name: str
    summary: str
    path: Path
    module: str
    params: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: str = "built-in"

    def option(self, name: str, default: Any = None) -> Any:
        """Return a value given to the decorator."""
        return self.options.get(name, default)

    @property
    def is_control(self) -> bool:
        """True for a generator that brackets the tables and takes no part in the ranking."""
        return bool(self.option("control", False))

    @property
    def is_quick(self) -> bool:
        """True if `bench run --quick` takes it: by its preset, a control, or a metric that decides something."""
        decides = any(m.decides for m in self.measures) if self.kind == "metric" else self.is_control
        return decides or self.option("preset", "") == "quick"

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the plugin serves; expression unless it says otherwise."""
        declared = self.option("modalities", ("expression",))
        return MODALITIES if declared == "all" else tuple(declared)

    @property
    def released(self) -> Released:
        """What a generator releases, and what a metric or an attack looks at: data or a model."""
        asks = self.kind == "attack" and self.option("access", "black-box").startswith("query")
        found: Released = self.option("releases", "model" if asks else "data")
        return found

    @property
    def handed(self) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """What the harness hands each method: positional arguments and keywords."""
        return HANDED_MODEL if self.kind == "generator" and self.released == "model" else HANDED[self.kind]

    @property
    def resources(self) -> Resources:
        """The memory, time and GPUs that the decorator asks for."""
        return resources_of(self.options)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures a metric returns."""
        return tuple(self.option("measures", ()))


# -- decorators ------------------------------------------------------------------------------------------------------

_declared: dict[tuple[Kind, str], str] = {}


def _declare(kind: Kind, name: str, cls: T, modalities: Modalities, releases: Released = "data") -> T:
    """Check the decorated class against the contract and remember which module declared it."""
    where = f"{kind} {name!r} ({cls.__module__})"
    if not NAME.fullmatch(name):
        raise PluginError(f"{where}: expected a lower-case name with letters, digits and '_'.")
    if not hasattr(cls, "__dataclass_fields__"):
        raise PluginError(f"{where} is not a dataclass; put @dataclass(kw_only=True) under the decorator.")
    _check_scope({"modalities": modalities, "releases": releases}, where)
    methods = HANDED_MODEL if kind == "generator" and releases == "model" else HANDED[kind]
    for method in methods:
        if not callable(getattr(cls, method, None)):
            raise PluginError(f"{where} has no method {method!r}; a {kind} needs {', '.join(methods)}.")
    other = _declared.setdefault((kind, name), cls.__module__)
    if other != cls.__module__:
        raise PluginError(
            f"{where} was declared before by the module {other!r}. One plugin under two module names would be counted "
            "twice: rename it, or import it only one way."
        )
    cls.__bench_plugin__ = (kind, name)  # type: ignore[attr-defined]
    return cls


def _check_scope(options: Mapping[str, Any], where: str) -> None:
    """Check the modalities that a plugin serves and the kind of release that it is about."""
    modalities, releases = options.get("modalities", ("expression",)), options.get("releases", "data")
    served = MODALITIES if modalities == "all" else modalities
    if not isinstance(served, tuple) or not served or (unknown := [m for m in served if m not in MODALITIES]):
        found = unknown[0] if isinstance(served, tuple) and served else modalities
        raise PluginError(
            f"{where}: modalities {found!r}; expected 'all' or a tuple of {', '.join(map(repr, MODALITIES))}."
        )
    if releases not in RELEASED:
        raise PluginError(f"{where}: releases={releases!r}; expected {' or '.join(map(repr, RELEASED))}.")


def generator(
    name: str,
    *,
    family: GeneratorFamily = "",
    doi: str = "",
    control: bool = False,
    floor: bool = False,
    preset: Preset = "",
    fits: Literal["train", "spare"] = "train",
    needs: tuple[str, ...] = (),
    quick: Mapping[str, Any] | None = None,
    opt_in: bool = False,
    imports: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
    trains: tuple[str, ...] = (),
    memory_gb: float | None = None,
    minutes: float | None = None,
    gpus: int | None = None,
    modalities: Modalities = ("expression",),
    releases: Released = "data",
) -> Callable[[T], T]:
    """Declare a generator: a dataclass with ``fit(cohort, *, rng)`` and ``sample(n, *, rng)``.

    Parameters
    ----------
    name : str, the registry name, equal to the file name
    family : str, the kind of method, by which pages filter: ``"resampling"``, ``"moments"``, ``"copula"``,
        ``"graphical model"``, ``"factors"``, ``"autoencoder"``, ``"gan"``, ``"diffusion"``, ``"chain"``,
        ``"language model"``, ``"classifier"``, ``"noisy rows"`` or ``"adapter"``; no part of any result's key
    doi : str, where the method is described
    control : bool, True if it only brackets the tables
    preset : ``"quick"`` if `bench run --quick` takes it: fits within seconds
    floor : bool, True for a control that holds nothing of the data: what scores no better is never called best
    fits : ``"train"`` or ``"spare"``, the people it is fitted on; spare is a fold that is neither train nor holdout
    needs : tuple of str, import names of optional packages
    quick : dict, hyper-parameters under which it takes a second on a toy cohort, for the conformance checks
    opt_in : bool, True if `all` leaves it out, because it needs something from the user; it runs when it is named
    imports : tuple of str, hyper-parameters that name a class to import, whose code is then a part of the result's key
    files : tuple of str, hyper-parameters that may name a file, whose content is then a part of the result's key
    trains : tuple of str, hyper-parameters that may name a generator, whose code is then a part of the result's key
    memory_gb, minutes, gpus : float, float and int; what one cell needs on a cluster; no part of any result's key
    modalities : ``"all"`` or tuple of str; what it serves, ``("expression",)`` unless it says otherwise. Those that
        only need a matrix declare ``"all"`` and work on the flat view, ``cohort.X``
    releases : ``"data"``, or ``"model"`` for a classifier that answers queries: see `ModelGenerator`

    Returns
    -------
    Callable
        A decorator that gives back the class.

    Raises
    ------
    PluginError
        If the name is no plugin's, the family is unknown, the class is no dataclass, or it lacks a method.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from bench import generator
    >>> @generator("shift")
    ... @dataclass(kw_only=True)
    ... class Shift:
    ...     sd: float = 0.5
    ...     def fit(self, cohort, *, rng):
    ...         self.cohort_ = cohort
    ...         return self
    ...     def sample(self, n, *, rng):
    ...         rows = rng.integers(len(self.cohort_), size=n)
    ...         X = self.cohort_.X[rows]
    ...         return self.cohort_.synthetic(X + rng.normal(0, self.sd, X.shape), self.cohort_.y[rows])
    """
    if family not in get_args(GeneratorFamily):
        kinds = ", ".join(filter(None, get_args(GeneratorFamily)))
        raise PluginError(f"generator {name!r}: family {family!r}; expected one of {kinds}.")
    return lambda cls: _declare("generator", name, cls, modalities, releases)


def attack(
    name: str,
    *,
    access: Access = "black-box",
    official: bool = False,
    opt_in: bool = False,
    for_audits: bool = False,
    preset: Preset = "",
    family: AttackFamily = "distance",
    doi: str = "",
    needs: tuple[str, ...] = (),
    modalities: Modalities = ("expression",),
) -> Callable[[T], T]:
    """Declare an attack: a dataclass with ``score(view, *, rng)``.

    Parameters
    ----------
    name : str, the registry name, equal to the file name
    access : str, what the attacker sees, such as ``"black-box + reference"``; the fields of `AttackView` say the rest.
        ``"query"``, ``"query + parameters"`` and ``"query + code"`` are for released models, every other one for data
    official : bool, True for the published arithmetic, kept beside the sound form and never used to judge a generator
    opt_in : bool, True if `all` leaves it out, because it is slow (it trains models); it runs when it is named
    for_audits : bool, True if it tells people apart over repeated trainings only, or with its sign turned around, as
        audits read it; such an attack need not find copies of the members in one release
    preset : ``"quick"`` if `bench run --quick` takes it: strong, and done within a second
    family : str, what it looks at: ``"distance"``, ``"density"``, ``"structure"``, ``"model"`` or ``"ensemble"``
    doi : str, where the attack is described
    needs : tuple of str, import names of optional packages
    modalities : ``"all"`` or tuple of str; what it serves, ``("expression",)`` unless it says otherwise. Those that
        only need a matrix declare ``"all"`` and work on the flat view, ``cohort.X``

    Returns
    -------
    Callable
        A decorator that gives back the class.

    Raises
    ------
    PluginError
        If the access or the family is unknown, the class is no dataclass or has no ``score``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from bench import attack
    >>> @attack("nearest", access="black-box")
    ... @dataclass(kw_only=True)
    ... class Nearest:
    ...     def score(self, view, *, rng):
    ...         apart = view.targets[:, None, :] - view.synthetic[None, :, :]  # (n_targets, n_synthetic, n_genes)
    ...         return -(apart**2).sum(axis=2).min(axis=1)
    """
    if access not in get_args(Access):
        raise PluginError(f"attack {name!r}: access {access!r}; expected one of {', '.join(get_args(Access))}.")
    if family not in get_args(AttackFamily):
        raise PluginError(f"attack {name!r}: family {family!r}; expected one of {', '.join(get_args(AttackFamily))}.")
    return lambda cls: _declare("attack", name, cls, modalities)


def metric(
    name: str,
    *,
    family: str,
    measures: tuple[Measure, ...],
    opt_in: bool = False,
    doi: str = "",
    needs: tuple[str, ...] = (),
    modalities: Modalities = ("expression",),
    releases: Released = "data",
) -> Callable[[T], T]:
    """Declare a metric: a dataclass whose ``__call__(train, holdout, synthetic, *, rng)`` returns its `measures`.

    Parameters
    ----------
    name : str, the registry name, equal to the file name
    family : str, ``"utility"``, ``"fidelity"`` or another word for what it is about
    measures : tuple of Measure, one for each number that it returns
    opt_in : bool, True if `all` leaves it out, because it needs something from the user; it runs when it is named
    doi : str, where it is described
    needs : tuple of str, import names of optional packages
    modalities : ``"all"`` or tuple of str; what it serves, ``("expression",)`` unless it says otherwise. Those that
        only need a matrix declare ``"all"`` and work on the flat view, ``cohort.X``
    releases : ``"data"``, or ``"model"`` for a metric whose third argument is a `ReleasedModel`

    Returns
    -------
    Callable
        A decorator that gives back the class.

    Raises
    ------
    PluginError
        If no measure is declared, the class is no dataclass or cannot be called.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from bench import Measure, metric
    >>> @metric("means", family="fidelity", measures=(Measure("mean_rmse", better="lower", low=0),))
    ... @dataclass(kw_only=True)
    ... class Means:
    ...     def __call__(self, train, holdout, synthetic, *, rng):
    ...         apart = holdout.X.mean(axis=0) - synthetic.X.mean(axis=0)  # (n_genes,)
    ...         return {"mean_rmse": float((apart**2).mean() ** 0.5)}
    """
    if not measures:
        raise PluginError(f"metric {name!r} declares no measure; name each number it returns.")
    return lambda cls: _declare("metric", name, cls, modalities, releases)


# -- reading a declaration from the syntax tree ----------------------------------------------------------------------


def _value(node: ast.expr) -> Any:
    """Evaluate a declaration: literals, ``inf``, ``-x`` and ``Measure(...)``, nothing else."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            return tuple(_value(e) for e in elts)
        case ast.Dict(keys=keys, values=values):
            return {_value(k): _value(v) for k, v in zip(keys, values, strict=True) if k is not None}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.Name(id="inf") | ast.Attribute(attr="inf"):
            return math.inf
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str() as value)]):
            return float(value)
        case ast.Call(func=ast.Name(id="Measure"), args=args, keywords=keywords):
            return Measure(*(_value(a) for a in args), **{k.arg: _value(k.value) for k in keywords if k.arg})
    raise PluginError(
        f"line {node.lineno}: {ast.unparse(node)!r} is not a plain value; write numbers, strings or tuples."
    )


def _decorator(node: ast.ClassDef) -> tuple[Kind, ast.Call] | None:
    for call in node.decorator_list:
        name = ast.unparse(call.func if isinstance(call, ast.Call) else call).removeprefix("bench.")
        if name not in KINDS:
            continue
        if not isinstance(call, ast.Call):
            raise PluginError(f'line {call.lineno}: @{name} needs a name; write @{name}("the_file_name").')
        return name, call
    return None


def refuse_group(name: str, path: Path) -> None:
    """Raise a `PluginError` if a plugin has the name of a group: whoever names it would get the group."""
    if name in GROUPS:
        raise PluginError(
            f"plugin file {path} declares {name!r}, but {', '.join(GROUPS)} name groups of plugins where plugins are "
            "listed. Rename the plugin and its file."
        )


def read_info(path: Path, module: str, origin: str = "built-in") -> PluginInfo | None:
    """Return what the plugin file declares, or None if it declares no plugin.

    Raises
    ------
    PluginError
        If the file is no valid Python, its declaration holds more than plain values, a parameter has no default, or
        the plugin's name is not the file's name.
    """
    tree = parsed(path)
    try:
        classes = [(n, found) for n in tree.body if isinstance(n, ast.ClassDef) and (found := _decorator(n))]
        if not classes:
            return None
        if len(classes) > 1:
            raise PluginError(f"it declares {len(classes)} plugins; expected one per file.")
        node, (kind, call) = classes[0]
        info = _info(node, kind, call, path, module, origin)
    except PluginError as error:
        raise PluginError(f"plugin file {path}: {error}") from error
    refuse_group(info.name, path)
    if info.name != path.stem:
        raise PluginError(
            f"plugin file {path} declares {info.name!r}; expected the file's name, {path.stem!r}. Rename one of them."
        )
    return info


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a plugin file.

    Raises
    ------
    PluginError
        If it cannot be read as Python.
    """
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        where = f"line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
        raise PluginError(f"plugin file {path} cannot be read as Python, {where}. Mend the file.") from error
    except (ValueError, OSError) as error:
        raise PluginError(f"plugin file {path} cannot be read: {error}. Mend the file.") from error


def _info(node: ast.ClassDef, kind: Kind, call: ast.Call, path: Path, module: str, origin: str) -> PluginInfo:
    options = {k.arg: _value(k.value) for k in call.keywords if k.arg}
    name = _value(call.args[0]) if call.args else options.pop("name", path.stem)
    params: dict[str, Any] = {}
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            if line.value is None:
                name = line.target.id
                raise PluginError(
                    f"line {line.lineno}: parameter {name!r} has no default; give it one, as in `{name}: float = 1.0`."
                )
            params[line.target.id] = _value(line.value)
    summary = (ast.get_docstring(node) or "").strip().partition("\n")[0]
    resources_of(options)  # refuses what cannot be asked for
    _check_scope(options, f"{kind} {name!r}")
    return PluginInfo(kind, str(name), summary, path, module, params, options, origin)
