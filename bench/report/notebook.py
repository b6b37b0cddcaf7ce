"""What a folder of results says about one dataset, as pandas tables and figures: for notebooks and scripts."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from bench.core.errors import BenchError, near_name
from bench.report.board import Board, Summary, board_of, in_tables, sound_attacks
from bench.report.leaderboard import page_of, rows_files
from bench.report.measures import lost_rows, measure_tables
from bench.report.paper import figure_makers
from bench.report.privacy import candidates_of
from bench.report.table import Heading, Paragraph, Table, html
from bench.report.text import bold
from bench.statistics.strongest_attack import strongest_attack
from bench.store.rows import read_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Statistic = Literal["mean", "sd", "n_ok", "n_planned"]


class Results:
    """Everything that a folder of results holds about one dataset, whichever runs it came from.

    Parameters
    ----------
    path : pathlib.Path, the rows file, ``<out>/rows/<dataset>.csv``
    computed, cached, lost : int, how many tasks the run that returned this did, found in the store, and lost

    Examples
    --------
    >>> from bench import Dataset, run
    >>> from bench.conformance import people
    >>> from bench.execution import Serial
    >>> mine = Dataset.from_cohort("mine", people(40), simulated=True)
    >>> results = run("copy_train", mine, folds=1, metrics="mmd", attacks="none", executor=Serial(), progress=False)
    >>> results
    Results of mine, SIMULATED DATA: 1 generators, ... numbers, ... missing (...mine-simulated.csv)
    >>> results.leaderboard().columns.tolist()
    ['control', 'mmd_holdout', 'mmd']
    """

    def __init__(self, path: Path, *, computed: int = 0, cached: int = 0, lost: int = 0) -> None:
        self.path, self.computed, self.cached, self.lost = path, computed, cached, lost

    @cached_property
    def _read(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        return read_rows(self.path)

    @cached_property
    def _board(self) -> Board:
        return board_of(*self._read)

    @property
    def rows(self) -> pd.DataFrame:
        """One row per number, failures included; the columns are explained by ``bench results --help``."""
        return self._read[0].copy()

    @property
    def about(self) -> dict[str, Any]:
        """Where the numbers come from: data, versions, machine, the last run."""
        return self._read[1]

    @property
    def notes(self) -> dict[str, list[str]]:
        """What was said about releases made elsewhere, by name."""
        return dict(self._read[1].get("notes", {}))

    @property
    def simulated(self) -> bool:
        """True if no measured value is in the data: no number is then about real people."""
        return bool(self._read[1]["data"]["simulated"])

    @property
    def markdown(self) -> str:
        """The leaderboard as `bench run` writes it."""
        return page_of(self.path).read_text(encoding="utf-8")

    def leaderboard(self, table: str | None = None, statistic: Statistic = "mean") -> pd.DataFrame:
        """Return generators x measures, in the order of the leaderboard.

        Parameters
        ----------
        table : one table of the leaderboard, for example ``"utility"`` or ``"fidelity"``; None for all of them
        statistic : over folds and seeds: ``"mean"`` or ``"sd"`` of the numbers that exist, how many exist (``"n_ok"``)
            or how many were planned (``"n_planned"``)

        Raises
        ------
        BenchError
            If there is no such table.
        """
        tables = {name: [m.name for m in measures] for name, measures in in_tables(self._board).items()}
        if table is not None and table not in tables:
            raise BenchError(f"there is no table {table!r}.{near_name(table, tables)} There are {', '.join(tables)}.")
        names = tables[table] if table else [name for part in tables.values() for name in part]
        return self._frame(names, lambda label, name: self._board.summary(label, name), statistic)

    def attacks(self, measure: str = "auc", statistic: Statistic = "mean") -> pd.DataFrame:
        """Return generators x attacks: one measure of each, by default the AUC (chance 0.5)."""
        rows = self._board.rows
        names = sorted(set(rows["attack"][rows["measure"] == measure]) - {""})
        if not names:
            known = sorted(set(rows["measure"][rows["attack"] != ""]))
            raise BenchError(f"no attack has a measure {measure!r}.{near_name(measure, known)} There are: {known}.")
        return self._frame(names, lambda label, attack: self._board.summary(label, measure, attack), statistic)

    def strongest(self, measure: str = "auc") -> pd.DataFrame:
        """Return, for each release, how well the strongest attack does, with an interval that holds for all attacks."""
        asked = candidates_of(self._board, self.about["data"]["samples"])
        return strongest_attack(self.rows, measure=measure, attacks=sound_attacks(self.rows), candidates=asked)

    def failures(self) -> pd.DataFrame:
        """Return the rows of every planned number that does not exist, with the reason."""
        return lost_rows(self._read[0]).reset_index(drop=True)

    def _frame(self, names: Sequence[str], of: Callable[[str, str], Summary], statistic: Statistic) -> pd.DataFrame:
        board = self._board
        values = [[getattr(of(label, name), statistic) for name in names] for label in board.labels]
        frame = pd.DataFrame(values, index=pd.Index(board.labels, name="generator"), columns=list(names))
        frame.insert(0, "control", [label in board.controls for label in board.labels])
        frame.attrs["simulated"] = self.simulated
        return frame

    # -- figures -------------------------------------------------------------------------------------------------------

    def figure(self, name: str) -> Figure:
        """Return one figure of the report by name, such as ``"front"``, ``"roc"`` or ``"pca"``.

        Raises
        ------
        BenchError
            If the results do not hold the numbers for it.
        """
        makers = figure_makers(self.path)
        figure = makers[name]() if name in makers else None
        if figure is None:
            raise BenchError(
                f"there is no figure {name!r} of these results.{near_name(name, makers)} There may be "
                f"{', '.join(makers)}, as far as measures and attacks were run for them."
            )
        figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]  # shown without `%matplotlib inline`
        return figure

    def figure_front(self) -> Figure:
        """Return use against exposure, one point per generator."""
        return self.figure("front")

    def figure_roc(self) -> Figure:
        """Return the ROC curves of the attacks on each generator, both axes logarithmic."""
        return self.figure("roc")

    def figure_pca(self) -> Figure:
        """Return the principal components of the training samples, and each release in the same plane."""
        return self.figure("pca")

    # -- in words ------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        board = self._board
        return (
            f"Results of {self.about['data']['name']}{', SIMULATED DATA' if self.simulated else ''}: "
            f"{len(board.labels)} generators, {len(board.rows)} numbers, {len(self.failures())} missing ({self.path})"
        )

    def _repr_html_(self) -> str:
        data = self.about["data"]
        first = (block for block in measure_tables(self._board) if isinstance(block, Table))
        mark = [Paragraph(bold("SIMULATED DATA: no number is about real people."))] if self.simulated else []
        return html([Heading(data["title"], 4), *mark, *islice(first, 1), Paragraph(repr(self))])


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def load_results(dataset: str, out: str | Path = "results") -> Results:
    """Return what a folder of results holds about a dataset.

    Parameters
    ----------
    dataset : str, named as its rows file: ``"brca"`` or ``"brca-simulated"``
    out : path, the folder of results

    Raises
    ------
    StoreError
        If it holds nothing about it.

    Examples
    --------
    >>> from bench import Dataset, load_results, run
    >>> from bench.conformance import people
    >>> from bench.execution import Serial
    >>> mine = Dataset.from_cohort("mine", people(40), simulated=True)
    >>> run("noise", mine, folds=1, metrics="mmd", attacks="none", executor=Serial(), progress=False, out="mine").lost
    0
    >>> load_results("mine-simulated", out="mine").leaderboard().index.tolist()
    ['noise']
    """
    return Results(rows_files(Path(out), (dataset,))[0].resolve())
