"""Where the work of a run is done: in this process, in child processes here, or on the machines of a cluster.

An executor gets the cells that have something to do and gives back short reports as they come; results travel through
the store alone. All of them call `run_cell`, so that limits and isolation are the same everywhere.
"""

from bench.execution.base import Executor, Limits, Reports, Todo, run_cell
from bench.execution.clusters.dask_cluster import DaskCluster
from bench.execution.clusters.slurm_jobs import SlurmArrays
from bench.execution.local import LocalProcesses
from bench.execution.serial import Serial

__all__ = [
    "DaskCluster",
    "Executor",
    "Limits",
    "LocalProcesses",
    "Reports",
    "Serial",
    "SlurmArrays",
    "Todo",
    "run_cell",
]
