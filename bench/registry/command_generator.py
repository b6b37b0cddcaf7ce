"""A generator whose `fit` and `sample` are commands that read and write files, in any environment or language.

The commands get an argument list, never a shell. They run in the folder of the file that declares them, with the
environment of the harness but without its Python settings, so that another Python is not led to libraries of this one.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from bench.core.cohort import Cohort
from bench.core.errors import PluginError
from bench.core.seeds import integer_seed
from bench.registry.command_file import CommandFile, read_command_file

log = logging.getLogger(__name__)
_TAIL, _TAIL_LENGTH = 4, 200  # lines and characters of a failed command's words that the error repeats


class CommandGenerator:
    """Fits and samples by commands; `command_generator` makes the dataclass with the declared hyper-parameters.

    What the fit command leaves in its model folder is kept in memory, as bytes by file name: a fitted generator needs
    no folder, can be pickled, and no sample changes it.
    """

    declared_: CommandFile

    def fit(self, cohort: Cohort, *, rng: np.random.Generator) -> Self:
        """Write the training cohort as CSV, run the fit command, and keep the files it wrote into {model}."""
        with tempfile.TemporaryDirectory(prefix="bench-fit-") as name:
            folder = Path(name)
            (model := folder / "model").mkdir()
            data, labels = folder / "train_data.csv", folder / "train_labels.csv"
            _write(data, cohort.genes, ([f"{x:.9g}" for x in row] for row in cohort.X))
            _write(labels, ["label"], ([label] for label in cohort.y))
            self._run("fit", {"train_data": data, "train_labels": labels, "model": model, "seed": integer_seed(rng)})
            self.model_ = {str(p.relative_to(model)): p.read_bytes() for p in sorted(model.rglob("*")) if p.is_file()}
        if not self.model_:
            raise PluginError("the fit command wrote nothing into {model}, so that sample has nothing to go by.")
        self.like_ = cohort.take([])
        self.labels_ = cohort.classes
        return self

    def sample(self, n: int, *, rng: np.random.Generator) -> Cohort:
        """Run the sample command on a copy of the model, and read what it wrote; genes are put in order by name."""
        with tempfile.TemporaryDirectory(prefix="bench-sample-") as name:
            folder = Path(name)
            model = folder / "model"
            for file, content in self.model_.items():
                (model / file).parent.mkdir(parents=True, exist_ok=True)
                (model / file).write_bytes(content)
            data, labels = folder / "synthetic_data.csv", folder / "synthetic_labels.csv"
            outputs = {"synthetic_data": data, "synthetic_labels": labels}
            self._run("sample", {"model": model, "n": n, "seed": integer_seed(rng), **outputs})
            return self.like_.synthetic(_values(data, self.like_.genes, n), _labels(labels, self.labels_, n))

    def _run(self, step: str, values: Mapping[str, object]) -> None:
        params = {name: getattr(self, name) for name in self.declared_.params}
        run_command(self.declared_, step, {**params, **values})

    def __reduce__(self) -> tuple[Any, ...]:
        params = {name: getattr(self, name) for name in self.declared_.params}
        return _restored, (self.declared_, params, dict(vars(self)))


def command_generator(path: Path, params: Mapping[str, Any]) -> CommandGenerator:
    """Return the generator that a TOML file declares, with these hyper-parameters."""
    return _made(read_command_file(path), params)


def _made(declared: CommandFile, params: Mapping[str, Any]) -> CommandGenerator:
    fields = [(name, type(value), dataclasses.field(default=value)) for name, value in declared.params.items()]
    cls = dataclasses.make_dataclass(
        "Commands", fields, bases=(CommandGenerator,), kw_only=True, namespace={"declared_": declared}
    )
    made: CommandGenerator = cls(**params)
    return made


def _restored(declared: CommandFile, params: Mapping[str, Any], state: Mapping[str, Any]) -> CommandGenerator:
    made = _made(declared, params)
    vars(made).update(state)
    return made


# -- running a command -----------------------------------------------------------------------------------------------


def run_command(declared: CommandFile, step: str, values: Mapping[str, object]) -> None:
    """Run the command of a step to its end; its output goes where ours goes, line by line.

    Raises
    ------
    PluginError
        If it cannot be started, or ends with another exit status than 0; the last lines of its stderr say why.
    """
    words = declared.words(step, values)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"PYTHONHASHSEED": "0", **declared.environment}
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, as a list of words
            words, cwd=declared.path.parent, env=environment, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise PluginError(f"the {step} command {words[0]!r} cannot be started: {error.strerror}.") from error
    last = _follow(process)
    if process.returncode:
        ended = f"status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        said = " | ".join(last)[-_TAIL_LENGTH:] or "nothing on stderr"
        raise PluginError(f"the {step} command ended with {ended}: {said} [{Path(words[0]).name}]")


def _follow(process: subprocess.Popen[str]) -> list[str]:
    """Pass on what a process writes until it ends; return the last lines of its stderr."""
    last: deque[str] = deque(maxlen=_TAIL)
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            reader = threading.Thread(target=_pass_on, args=(process.stdout, sys.stdout, deque[str]()), daemon=True)
            reader.start()
            _pass_on(process.stderr, sys.stderr, last)
            reader.join()
        except BaseException:
            process.kill()
            raise
    return list(last)


def _pass_on(source: IO[str], to: TextIO, last: deque[str]) -> None:
    for line in source:
        to.write(line)
        if line.strip():
            last.append(line.strip())


# -- its files -------------------------------------------------------------------------------------------------------


def _write(path: Path, head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
    """Yield the header of a CSV file and its further rows, which are read as they are needed."""
    if not path.is_file():
        raise PluginError(f"the sample command wrote no {path.name}; expected a CSV file at {{{path.stem}}}.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(file) if row)
        try:
            yield next(rows, []), rows
        except (csv.Error, UnicodeError) as error:
            raise PluginError(f"{path.name} cannot be read as CSV in UTF-8: {error}.") from error


def _values(path: Path, genes: tuple[str, ...], n: int) -> NDArray[np.float64]:
    """Return (n, n_genes) values, genes in the training order whatever their order in the file."""
    with _opened(path) as (head, rows):
        _check_genes(path, head, genes)
        table = [_numbers(path, line, head, row) for line, row in enumerate(rows, start=2)]
    if len(table) != n:
        raise PluginError(f"{path.name} has {len(table)} rows; expected {{n}} = {n}.")
    if head != list(genes):
        log.info("%s: genes are put into the training order, by name", path.name)
    where = {gene: i for i, gene in enumerate(head)}
    return np.array(table).reshape(n, len(head))[:, [where[gene] for gene in genes]]


def _check_genes(path: Path, head: list[str], genes: tuple[str, ...]) -> None:
    if extra := [name for name in head if name not in set(genes)]:
        hint = " Write it without row names (R: row.names = FALSE; pandas: index=False)." if len(extra) == 1 else ""
        raise PluginError(f"{path.name} has the column {extra[0]!r}, which is no gene of the training data.{hint}")
    if sorted(head) != sorted(genes):
        missing = sorted(set(genes) - set(head))
        wrong = f"lacks {len(missing)} genes, such as {missing[0]!r}" if missing else "has a gene twice"
        raise PluginError(f"{path.name} {wrong}; expected each training gene once, in any order.")


def _numbers(path: Path, line: int, head: list[str], row: list[str]) -> NDArray[np.float64]:
    if len(row) != len(head):
        raise PluginError(f"{path.name}, line {line} has {len(row)} cells; expected {len(head)}.")
    try:
        values = np.array(row, dtype=np.float64)
    except ValueError as error:
        raise PluginError(f"{path.name}, line {line}: {error}; expected numbers below the header.") from error
    if not np.isfinite(values).all():
        column = int(np.argmin(np.isfinite(values)))
        where = f"{path.name}, line {line}, gene {head[column]!r}"
        raise PluginError(f"{where} is {row[column]}; expected a finite number.")
    return values


def _labels(path: Path, known: NDArray[np.str_], n: int) -> NDArray[np.str_]:
    with _opened(path) as (head, lines):
        rows = [head, *lines]
    if any(len(row) != 1 for row in rows):
        width = max(map(len, rows))
        raise PluginError(f"{path.name} has {width} columns; expected one, with a header and without row names.")
    if len(rows) - 1 != n:
        raise PluginError(f"{path.name} has {len(rows) - 1} labels below its header; expected {{n}} = {n}.")
    labels = np.array([row[0] for row in rows[1:]], dtype=np.str_)
    if not np.isin(labels, known).all():
        wrong = str(labels[~np.isin(labels, known)][0])
        expected = ", ".join(map(repr, known.tolist()))
        raise PluginError(f"{path.name} has the label {wrong!r}; expected one of {expected}.")
    return labels
