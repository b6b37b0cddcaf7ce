"""A run on a Slurm cluster through submitit: cells are jobs of arrays; one whose time is up goes on in another."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

from bench.core.errors import BenchError
from bench.core.secret_seeds import shown_seed
from bench.engine.plan import PlannedCell
from bench.engine.stopping import Stop
from bench.engine.tasks import Report, is_done
from bench.execution.base import Limits, Reports, Stage, Todo, resources
from bench.execution.clusters.remote import Done, Job, at_absolute_paths, reports
from bench.execution.clusters.slurm_config import SlurmConfig, sbatch_options
from bench.execution.clusters.slurm_submission import Resumable, Submission, is_requeued_too_often, submitit_or_error
from bench.execution.clusters.ticket import ticket
from bench.store.store import Store

_LOOK_EVERY = 1.0  # seconds between looks at the jobs
_ARRAY = 1000  # jobs in one array; what Slurm takes unless it is set up for more


class SlurmArrays:
    """Hands every cell to Slurm as a job, those that ask for the same as one array."""

    def __init__(self, config: SlurmConfig) -> None:
        self._config = config

    def run(self, todo: Todo, limits: Limits, stop: Stop) -> Reports:
        """Yield reports as jobs end; closing the iterator cancels the others.

        Raises
        ------
        ClusterError
            If there is no Slurm here, or a machine is not set up like this one.
        """
        if not todo:
            return
        with ticket(todo, limits) as asked:
            folder = asked.store / "slurm" / asked.proof.name
            with Submission(self._config, folder, limits.jobs) as submission:
                for options, stages in self._groups(todo, limits):
                    jobs = [Resumable(Job(asked, at_absolute_paths(stage), limits)) for stage in stages]
                    submission.add(options, jobs, stages)
                while submission.open:
                    if stop.asked and asked.wanted:
                        asked.ask_to_stop()
                        submission.drop_waiting()
                    for job, stage in submission.ended():
                        yield from ((stage.planned, report) for report in _reports(job, stage))
                    time.sleep(_LOOK_EVERY)
            shutil.rmtree(folder, ignore_errors=True)  # what tasks wrote lies in the store's logs

    def where(self, limits: Limits) -> str:
        """Return where the work is done, in words."""
        return f"in jobs of {self._config.cluster}, {limits.threads} threads each"

    def preview(self, todo: Todo, limits: Limits) -> str:
        """Return the scripts that sbatch would get."""
        submitit_or_error()
        from submitit.slurm.slurm import _make_sbatch_string

        texts = []
        for options, stages in self._groups(todo, limits):
            folder = str(stages[0].planned.cell.store.absolute() / "slurm" / "RUN")
            count = len(stages) if len(stages) > 1 else None
            command = f"{shlex.quote(sys.executable)} -u -m submitit.core._submit {shlex.quote(folder)}"
            script = _make_sbatch_string(command=command, folder=folder, map_count=count, **options)
            cells = "; ".join(_name(stage.planned) for stage in stages)
            texts.append(f"{script}\n# {len(stages)} jobs: {cells}\n")
        return "\n".join(texts)

    def _groups(self, todo: Todo, limits: Limits) -> Iterator[tuple[dict[str, Any], list[Stage]]]:
        """Yield what sbatch is told, with the cells that it holds for."""
        groups: dict[str, tuple[dict[str, Any], list[Stage]]] = {}
        for planned, tasks in todo:
            asked = self._config.asks(planned, resources(planned))
            options = sbatch_options(asked, threads=limits.threads, config=self._config)
            stage = Stage(planned, tuple(tasks), gpu=bool(asked["gpus"]))
            groups.setdefault(json.dumps(options, sort_keys=True), (options, []))[1].append(stage)
        for options, stages in groups.values():
            yield from ((options, stages[i : i + _ARRAY]) for i in range(0, len(stages), _ARRAY))


def _name(planned: PlannedCell) -> str:
    cell, params = planned.cell, f"[{planned.params}]" if planned.params else ""
    return f"{cell.generator}{params} fold {cell.fold} seed {shown_seed(cell.seed)}"


def _reports(job: Any, stage: Stage) -> Iterator[Report]:
    """Yield the reports of an ended job; where it brought none back, what is in the store says what was done."""
    try:
        done: Done = job.result()
    except BenchError:
        raise
    except Exception as error:  # submitit's errors of lost and failed jobs have no common base
        status, reason = _why(job, error)
        store = Store(stage.planned.cell.store)
        for task in stage.tasks:
            yield Report(task, "ok") if is_done(store, task) else Report(task, status, reason)
        return
    yield from reports(stage.tasks, done)


def _why(job: Any, error: Exception) -> tuple[Any, str]:
    if is_requeued_too_often(error):
        return "timeout", "not finished when the last job's time was up; raise minutes or requeues (--slurm-config)"
    state = str(job.state)
    status = {"OUT_OF_MEMORY": "memory", "TIMEOUT": "timeout"}.get(state, "failed")
    return status, f"the Slurm job {job.job_id} brought nothing back (state {state}); see {job.paths.stdout}"
