"""The benchmark from Python: `run` and `score` do what the commands of the same names do, with the same engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from bench.api.notebook_run import Names, Numbers, Options, carry_out, choices, numbers_in
from bench.core.cohort import Cohort
from bench.core.records import Units
from bench.datasets import Dataset, load_dataset
from bench.datasets.elsewhere import with_people_of
from bench.datasets.folds import with_reference
from bench.engine.plan import plan_generators
from bench.execution import Executor
from bench.execution.session import fold_numbers
from bench.foreign.plan import name_of_release, release_planner
from bench.foreign.reader import Form, read_release
from bench.foreign.sources import take_from_python
from bench.release.models import load_model
from bench.report.notebook import Results, load_results

__all__ = ["Dataset", "Results", "load_dataset", "load_model", "load_results", "run", "score"]
Device = Literal["auto", "cpu", "cuda"]


def run(
    generators: Names = "all",
    dataset: str | Dataset = "combined",
    *,
    seeds: Numbers = 42,
    folds: Numbers = "all",
    splits: str | Path | None = None,
    reference_one_in: int | None = None,
    reference: str | Dataset | None = None,
    attacks: Names = "all",
    metrics: Names = "all",
    plugins: Iterable[str | Path] = (),
    out: str | Path = "results",
    threads: int = 2,
    jobs: int | None = None,
    timeout: float | None = None,
    memory: float | None = None,
    retries: int = 2,
    max_failures: int | None = None,
    executor: Executor | None = None,
    device: Device | None = None,
    progress: bool = True,
) -> Results:
    """Return the results of generators on the folds of a dataset, as `bench run` makes them.

    What is in the store of `out` is not computed again. A failed task is a row with its reason and raises nothing:
    look at ``.lost`` and ``.failures()``.

    Parameters
    ----------
    generators, attacks, metrics : as on the command line, ``"all"``, ``"none"`` or ``"a,b[x=1]"``; or a list of names
    dataset : str or Dataset, a name, or a dataset of your own (`Dataset.from_cohort`)
    seeds, folds : int, list of int or str: one, several, or a text such as ``"1-3"``; ``"all"`` folds
    splits : path or None, a challenge ``*_splits.yaml`` to take the folds from
    reference_one_in : int or None, set one person in so many aside as the attackers' reference
    reference : str, Dataset or None, a cohort whose people attackers are shown as people who are no members
    plugins : paths, files of your own generators, attacks and metrics; read again at each call
    out : path, the folder of results and store
    threads, jobs : int, threads per task (part of the numbers), cells at once
    timeout, memory, retries, max_failures : seconds and GB per task, how often a task is done again whose process was
        lost, and after how many failures no new one starts
    executor : Executor or None, where the work is done, such as a `bench.execution.DaskCluster`; None: processes on
        this machine
    device : ``"auto"``, ``"cpu"``, ``"cuda"`` or None, where neural generators train; None: as ``$BENCH_DEVICE`` says
    progress : bool, whether to say how it goes

    Raises
    ------
    BenchError
        If what was asked for is not possible; the message says what to do.

    Examples
    --------
    Two controls on a small invented cohort, in this process:

    >>> from bench import Dataset, run
    >>> from bench.conformance import people
    >>> from bench.execution import Serial
    >>> mine = Dataset.from_cohort("mine", people(40), simulated=True)
    >>> results = run("noise,copy_train", mine, folds=1, metrics="mmd", attacks="gan_leaks", executor=Serial(),
    ...               progress=False)
    >>> results.computed, results.lost
    (6, 0)
    >>> float(results.attacks()["gan_leaks"]["copy_train"])  # who releases people exposes them
    1.0
    """
    options = Options.of(run, locals())
    data = load_dataset(dataset) if isinstance(dataset, str) else dataset
    data = with_reference(data, reference_one_in) if reference_one_in else data
    if reference is not None:
        data = with_people_of(data, load_dataset(reference) if isinstance(reference, str) else reference)
    chosen, scoring = choices("generator", generators), (choices("metric", metrics), choices("attack", attacks))
    request = options.request(
        seeds=numbers_in(seeds, "seeds"),
        folds=None if folds == "all" else numbers_in(folds, "folds"),
        attacks=scoring[1],
        chosen=[*chosen, *scoring[0], *scoring[1]],
    )
    return carry_out(data, request, lambda scope: plan_generators(scope, chosen, *scoring), options)


def score(
    synthetic: Any,
    dataset: str | Dataset,
    *,
    labels: Any = None,
    name: str | None = None,
    seed: int = 42,
    splits: str | Path | None = None,
    folds: Numbers | None = None,
    label_column: str | None = None,
    no_labels: bool = False,
    genes: Literal["exact", "common"] = "exact",
    gene_map: str | Path | None = None,
    units: Units | None = None,
    samples_in: Literal["rows", "columns"] | None = None,
    attacks: Names = "all",
    metrics: Names = "all",
    pictures: bool = True,
    plugins: Iterable[str | Path] = (),
    out: str | Path = "results",
    threads: int = 2,
    jobs: int | None = None,
    timeout: float | None = None,
    memory: float | None = None,
    retries: int = 2,
    max_failures: int | None = None,
    executor: Executor | None = None,
    device: Device | None = None,
    progress: bool = True,
) -> Results:
    """Return the results of synthetic data made elsewhere, as `bench score` makes them.

    The folds must be those the data were made from, or members and non-members are mixed up.

    Parameters
    ----------
    synthetic : the path of a file or folder; a pandas table, an AnnData object or a `Cohort`; or a mapping of fold
        numbers to these
    dataset : str or Dataset, the real cohort: a name, or a dataset of your own
    labels : the labels, one for each row, or a mapping of fold numbers to these; None if the data hold them
    name : str or None, in the tables; by default the file's, or ``"synthetic"``
    seed, splits : int, and path or None; name the folds that the data were made from
    folds : the fold of a single table, or of several; ``"all"`` for one table to compare with each, without attacks
    label_column, no_labels, genes, gene_map, units, samples_in : as for `bench score`
    pictures : bool, whether the numbers behind figures are computed too
    attacks, metrics, plugins, out, threads and what follows : as for `run`

    Raises
    ------
    BenchError
        If the data do not fit; the message says what to do.

    Examples
    --------
    >>> from bench import Dataset, score
    >>> from bench.conformance import people
    >>> from bench.execution import Serial
    >>> mine = Dataset.from_cohort("mine", people(40), simulated=True)
    >>> release = people(32, "made elsewhere")  # a Cohort; a pandas table or a path does too
    >>> results = score(release, mine, name="theirs", folds=1, metrics="mmd", attacks="none", executor=Serial(),
    ...                 progress=False, out="scores")
    >>> results.leaderboard().index.tolist()
    ['theirs']
    """
    options = Options.of(score, locals())
    data = (load_dataset(dataset) if isinstance(dataset, str) else dataset).same_in_all_folds()
    form = Form(
        folds=() if folds is None or folds == "all" else tuple(numbers_in(folds, "folds")),
        every_fold=folds == "all",
        label_column=label_column,
        labelled=not no_labels,
        genes=genes,
        gene_map=None if gene_map is None else Path(gene_map),
        units=units or (synthetic.units if isinstance(synthetic, Cohort) else None),
        samples_in=samples_in,
    )
    path = Path(synthetic) if isinstance(synthetic, str | Path) else None
    label = name_of_release(name, path.resolve().name if path else "synthetic")
    release = read_release(path or take_from_python(synthetic, labels), data, form, fold_numbers(data, splits))
    scoring = choices("metric", metrics), choices("attack", "none" if form.every_fold else attacks)
    request = options.request(seeds=[seed], folds=sorted(release.given), attacks=scoring[1], pictures=pictures)
    planner = release_planner(label, release, *scoring, request.notes, every_fold=form.every_fold, say=options.say)
    return carry_out(release.dataset, request, planner, options)
