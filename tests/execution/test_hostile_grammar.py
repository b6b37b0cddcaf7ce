"""Plugins that a grammar of bad behaviour writes: whatever they do, the rows of all others are there, and one for each."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest
from planted import generator
from runs import plan, run, scope_of, toy_dataset

from bench import Cohort
from bench.execution.runner import Limits
from bench.store.rows import IDENTITY

SHORT = Limits(2, 1, 20)
TEXTS = [
    "''",
    "'x' * 10**6",
    "'\\udce9'",
    "'\\x1b[2J\\x00'",
    "'<script>|`*'",
    "b'\\xff'",
    "'a\\nb\\r'",
    "None",
    "10**400",
]
ERRORS = ["ValueError", "KeyError", "MemoryError", "RecursionError", "SystemError", "StopIteration", "GeneratorExit"]
ERRORS += ["KeyboardInterrupt", "OSError", "UnicodeError", "AssertionError", "BrokenPipeError", "Warning"]
VALUES = ["None", "3", "'text'", "{}", "[]", "self", "type(self)", "cohort", "iter(cohort.y)", "cohort.X", "b''"]
ARRAYS = [
    "cohort.X * np.nan",
    "cohort.X * np.inf",
    "cohort.X[:, :2]",
    "cohort.X[:0]",
    "cohort.X + 1j",
    "cohort.X.astype(object)",
]
ARRAYS += [
    "cohort.X[:3]",
    "np.zeros((0, 0))",
    "cohort.X.astype(str)",
    "cohort.X * 1e30",
    "cohort.X > 8",
    "cohort.X.tolist()",
]
LABELS = [
    "cohort.y",
    "cohort.y[:2]",
    "['z'] * n",
    "['\\udce9'] * n",
    "None",
    "np.arange(n)",
    "[None] * n",
    "[cohort.y] * n",
]
SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT", "SIGSEGV", "SIGABRT", "SIGHUP", "SIGPIPE", "SIGALRM", "SIGUSR1", "SIGBUS"]
RULES: dict[str, list[str]] = {
    "raise": [
        "raise {error}({text})",
        "raise {error}",
        "class Mute({error}):\n    def __str__(self): raise {error}({text})\nraise Mute()",
        "class Bad({error}):\n    def __reduce__(self): raise {error}\nraise Bad({text})",
        "raise BaseExceptionGroup('two', [{error}(), ValueError({text})])",
        "try:\n    raise {error}\nfinally:\n    raise ValueError({text})",
        "1 / 0",
        "f = lambda: f()\nf()",
        "sys.setrecursionlimit(30)\nraise {error}",
        "sys.excepthook = None\nraise {error}({text})",
    ],
    "return": [
        "return {value}",
        "return cohort.synthetic({array}, {labels})",
        "cohort.X.setflags(write=True)",
        "self.__class__ = {value}",
        "return ({array}, {labels})",
    ],
    "print": [
        "print({text}, flush=True)",
        "print({text}, file=sys.stderr)",
        "os.write(1, b'\\xff' * 10**6)",
        "os.write(2, b'\\x00\\x1b]0;x\\x07')",
        "sys.stdout.close()",
        "sys.stderr = None",
        "sys.stdout = {value}",
        "os.close(1); os.close(2)",
        "import warnings; warnings.warn(str({text}))",
        "import logging; logging.disable(99); logging.getLogger().handlers = {value}",
    ],
    "exit": ["sys.exit({text})", "sys.exit(0)", "os._exit(0)", "os._exit(3)", "os.abort()", "import atexit; atexit.register(os._exit, 0)"],
    "fork": [
        "os.fork() or os._exit(0)",
        "os.fork() or time.sleep(100)",
        "os.fork()",
        "subprocess.Popen(['sleep', '100'])",
        "import threading; threading.Thread(target=time.sleep, args=(100,)).start()",
        "os.setsid() if os.getpid() != os.getsid(0) else None",
        "import multiprocessing; multiprocessing.get_context('fork').Process(target=time.sleep, args=(100,)).start()",
    ],
    "signal": [
        "os.kill(os.getpid(), signal.{signal})",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "signal.raise_signal(signal.{signal})",
        "signal.setitimer(signal.ITIMER_REAL, 0.001); time.sleep(0.1)",
        "os.fork() or os.kill(os.getppid(), signal.{signal})",
    ],
}  # fmt: skip
WORDS = {"error": ERRORS, "text": TEXTS, "value": VALUES, "array": ARRAYS, "labels": LABELS, "signal": SIGNALS}


def behaviour(seed: int) -> tuple[str, str, str]:
    """Return the kind of a behaviour, and what a plugin does in fitting and in sampling."""
    luck = random.Random(seed)
    kinds = list(RULES)
    kind = kinds[seed % len(kinds)]

    def act(kind: str) -> str:
        return luck.choice(RULES[kind]).format(**{word: luck.choice(some) for word, some in WORDS.items()})

    before = act(luck.choice(["print", "fork", "signal"])) if luck.random() < 0.2 else "pass"
    in_fit, in_sample = (act(kind), "pass") if luck.random() < 0.3 else (before, act(kind))
    return kind, f"n = len(cohort)\n{in_fit}", f"cohort = self.cohort_\n{in_sample}"


def behaviours(n: int) -> list[tuple[str, str, str]]:
    """Return the first n different behaviours."""
    found: dict[tuple[str, str, str], None] = {}
    for seed in itertools.count():
        if len(found) == n:
            break
        found[behaviour(seed)] = None
    return list(found)


def lost(folder: Path, cohort: Cohort, seeds: range) -> list[str]:
    """Return what is missing of the rows of a run with these behaviours and one plugin that behaves."""
    scope = scope_of(toy_dataset(cohort), folder)
    names = []
    for seed, (_, fit, sample) in list(enumerate(behaviours(seeds.stop)))[seeds.start :]:
        names.append(generator(folder, f"bad_{seed}", sample, fit=fit))
    cells = plan(scope, ",".join([*names, "noise"]), attacks="none")
    rows = run(scope, cells, SHORT).rows
    ours = rows[rows["generator"] == "noise"]
    found = ["noise"] if ours.empty or not (ours["status"] == "ok").all() else []
    for name in names:
        own = rows[rows["generator"] == name]
        found += [name] if own.empty or (own.query("status == 'failed'")["reason"] == "").any() else []
    return found + ([] if not rows.duplicated(IDENTITY).any() else ["a row twice"])


def test_twenty_behaviours_lose_no_row_of_others(toy_cohort: Cohort, tmp_path: Path) -> None:
    assert lost(tmp_path, toy_cohort, range(20)) == []


@pytest.mark.full
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_two_hundred_behaviours_lose_no_row_of_others(toy_cohort: Cohort, tmp_path: Path, first: int) -> None:
    assert lost(tmp_path, toy_cohort, range(first, first + 20)) == []


def test_the_grammar_writes_every_kind_and_two_hundred_different_plugins() -> None:
    sizes = Counter(kind for kind, *_ in behaviours(200))
    assert set(sizes) == set(RULES)
    assert min(sizes.values()) >= 12
