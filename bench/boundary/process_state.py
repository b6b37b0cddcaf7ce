"""Keeps what tasks of one process share - random states, environment, working folder - as it was before each."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import warnings
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Put everything back after the block that a careless plugin may have changed and the next one may notice."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(contextlib.redirect_stdout(sys.stdout))
        stack.enter_context(contextlib.redirect_stderr(sys.stderr))
        for keep in (_random, _folder, _environment, _torch):
            stack.enter_context(keep())
        yield


@contextlib.contextmanager
def _random() -> Iterator[None]:
    state, legacy, errors = random.getstate(), np.random.get_state(), np.geterr()  # noqa: NPY002 - plugins may use it
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(legacy)  # noqa: NPY002
        np.seterr(**errors)


@contextlib.contextmanager
def _folder() -> Iterator[None]:
    here = os.open(".", os.O_RDONLY)  # a handle: the folder may have no path any more
    mask = os.umask(0o022)
    os.umask(mask)
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)
        os.umask(mask)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        if dict(os.environ) != before:
            os.environ.clear()
            os.environ.update(before)


@contextlib.contextmanager
def _torch() -> Iterator[None]:
    """Keep torch's state; if the block is what loads torch, leave it as a fresh import would."""
    torch = sys.modules.get("torch")
    kept = (torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()) if torch else None
    threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    try:
        yield
    finally:
        torch = sys.modules.get("torch")
        if torch is not None:
            fresh = torch.Generator().get_state(), torch.float32, threads or torch.get_num_threads()
            state, kind, threads = kept or fresh
            torch.set_rng_state(state)
            torch.set_default_dtype(kind)
            torch.set_num_threads(threads)
