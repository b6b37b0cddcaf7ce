"""Plugins that misbehave, or leave marks, as a test needs it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from bench.registry.finding import add_plugin_file

# finds the process of the worker or job that this task's process comes from
ANCESTOR = """
def ancestor(word, pid=None):
    pid = pid or os.getpid()
    if word in Path(f"/proc/{pid}/cmdline").read_text():
        return pid
    return ancestor(word, int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]))
"""
# whoever is on the GPU has made the mark; whoever finds it made is there too many
ALONE = '(folder / "on_gpu").touch(exist_ok=False); {work}; (folder / "on_gpu").unlink()'
WAIT = "limit = time.monotonic() + 60\nwhile not {ready}: assert time.monotonic() < limit; time.sleep(0.01)"
# a claim with nothing behind it, or none
CLAIMANT = '''
from dataclasses import dataclass
from bench import PrivacyClaim, generator

@generator("claimant")
@dataclass(kw_only=True)
class Claimant:
    """Release people with noise, with a claim or without one."""

    private: bool = True
    delta: float = 1e-5
    honest: bool = True

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
        return self

    def sample(self, n, *, rng):
        return self.cohort_.synthetic(self.cohort_.X + rng.normal(size=(n, 16)), self.cohort_.y)

    def claim(self):
        if not self.private:
            return None
        return PrivacyClaim(mechanism="none at all", unit="one sample", neighbours="add-remove", epsilon=3.0,
                            delta=self.delta, accountant="a test", outside=("bin means",) if self.honest else ())
'''
_GENERATOR = '''
import ctypes, os, random, signal, subprocess, sys, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from bench import generator

folder = Path({folder!r})
{ancestor}

@generator("{name}", gpus={gpus})
@dataclass(kw_only=True)
class Planted:
    """A planted generator."""

    def fit(self, cohort, *, rng):
        self.cohort_ = cohort
{fit}
        return self

    def sample(self, n, *, rng):
{sample}
        return self.cohort_.synthetic(self.cohort_.X[:n], self.cohort_.y[:n])
'''
_METRIC = '''
import os, random, sys
from dataclasses import dataclass
import numpy as np
from bench import Measure, metric

@metric("{name}", family="fidelity", measures=(Measure("{name}"),))
@dataclass(kw_only=True)
class Planted:
    """A planted metric."""

    def __call__(self, train, holdout, synthetic, *, rng):
{body}
        return {{"{name}": value}}
'''


def generator(folder: Path, name: str, sample: str = "pass", *, fit: str = "pass", gpus: int = 0) -> str:
    """Add a generator that does something in fitting or sampling and returns the training people; return its name."""
    bodies = {"fit": _indented(fit), "sample": _indented(sample)}
    text = _GENERATOR.format(name=name, gpus=gpus, folder=str(folder), ancestor=ANCESTOR, **bodies)
    return _added(folder, name, text)


def metric(folder: Path, name: str, body: str) -> str:
    """Add a metric whose body sets `value`; return its name."""
    return _added(folder, name, _METRIC.format(name=name, body=_indented(body)))


def _indented(body: str) -> str:
    return textwrap.indent(textwrap.dedent(body).strip(), " " * 8)


def _added(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(text)
    add_plugin_file(path)
    return name
