"""Whatever one plugin says, returns or raises, the rows and pages of all others are written; a spoiled folder heals."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from depth import in_depth
from planted import generator, metric
from runs import bench as command
from runs import make_home, plan, run, sample_row, scope_of, toy_dataset

from bench import Cohort
from bench.core.roles import PrivacyClaim
from bench.engine import records
from bench.engine.plan import Scope
from bench.execution.runner import Limits, Outcome
from bench.execution.serial import Serial
from bench.registry.finding import add_plugin_file
from bench.report.board import Summary, decimals_for, number
from bench.report.html import write_report
from bench.report.leaderboard import write_leaderboard
from bench.store.rows import read_rows, table_of_records

HERE = Limits(1, 1)
MUTE = "class Mute({base}):\n    def __str__(self): raise {error}\nraise Mute()"
SAID = {
    "surrogate": ("raise ValueError('no weights in model_\\udce9')", "ValueError: no weights in model_\\udce9"),
    "latin1_file": ("open(os.fsdecode(b'weights_\\xe9.pt'))", "No such file or directory: 'weights_\\udce9.pt'"),
    "mute": (MUTE.format(base="Exception", error="RuntimeError"), "Mute: no text: its str() raised RuntimeError"),
    "mute_exit": (MUTE.format(base="Exception", error="SystemExit"), "Mute: no text: its str() raised SystemExit"),
    "markup": ("raise ValueError('a|b\\n<script>alert(1)</script>' + 'y' * 10**6)", "a|b <script>alert(1)</script>yyy"),
    "escapes": ("raise ValueError('\\x1b[2J\\x00')", "ValueError: \\x1b[2J\\x00"),
    "group": ("raise ExceptionGroup('two', [ValueError('a'), ValueError('b')])", "two (2 sub-exceptions)"),
    "base_group": ("raise BaseExceptionGroup('two', [KeyboardInterrupt()])", "two (1 sub-exception)"),
    "exits": ("sys.exit('no licence')", "the plugin ended the program by sys.exit(no licence)"),
    "exits_well": ("raise SystemExit", "the plugin ended the program by sys.exit()"),
    "interrupts": ("raise KeyboardInterrupt", "the plugin raised KeyboardInterrupt itself; nobody pressed Ctrl-C"),
    "generator_exit": ("raise GeneratorExit", "GeneratorExit: no message"),
    "memory": ("raise MemoryError('900 GiB')", "MemoryError: 900 GiB"),
    "recursion": ("f = lambda: f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "hook": ("def hook(*_): raise OSError\nsys.excepthook = hook\nraise ValueError('hooked')", "ValueError: hooked"),
    "complex": ("return self.cohort_.synthetic(self.cohort_.X + 1j, self.cohort_.y)", "are complex numbers; expected real"),
    "label": ("return self.cohort_.synthetic(self.cohort_.X, ['\\udce9'] * len(self.cohort_))", "the label '\\udce9'"),
}  # fmt: skip
VALUES = {
    "infinite": ("np.inf", "is inf; expected a finite number, or NaN where it is undefined."),
    "too_large": ("10**400", "is inf; expected a finite number"),
    "complex": ("np.complex128(1 + 2j)", "expected one real number"),
    "text": ("'1.0'", "is '1.0'; expected one real number"),
    "nothing": ("None", "is of type NoneType"),
    "array": ("np.ones(2)", "is an array; expected one number"),
}


def pages(scope: Scope, outcome: Outcome, out: Path) -> str:
    """Write the rows and the pages of a run, and return the text of the leaderboard and of its sections."""
    records.keep(scope.store, scope.dataset, outcome.rows, records.about(scope.dataset, 1))
    rows = records.publish(scope.store, scope.dataset.slug, out)
    write_report(rows)
    return whole_leaderboard(rows)


def whole_leaderboard(rows: Path) -> str:
    """Write the leaderboard of a rows file, and return its text and that of its sections."""
    first = write_leaderboard(rows)
    return "".join(page.read_text() for page in (first, *sorted(first.with_suffix("").glob("*.md"))))


@pytest.mark.parametrize("name", in_depth(SAID, ("recursion", "hook", "complex", "label")))
def test_whatever_a_generator_raises_costs_its_own_rows_only(toy_cohort: Cohort, tmp_path: Path, name: str) -> None:
    body, reason = SAID[name]
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    chosen = f"{generator(tmp_path, f'says_{name}', body)},noise"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.excepthook", lambda *_: None)  # one plugin puts its own there
        outcome = run(scope, plan(scope, chosen, attacks="none"), HERE, Serial())
    assert (outcome.rows.query("generator == 'noise'")["status"] == "ok").all()
    assert reason in sample_row(outcome.rows, f"says_{name}")["reason"]
    assert sample_row(outcome.rows, f"says_{name}")["status"] == "failed"
    assert "noise" in pages(scope, outcome, tmp_path)


def test_the_same_holds_in_processes_of_their_own(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    names = {name: generator(tmp_path, f"says_{name}", SAID[name][0]) for name in ("surrogate", "interrupts", "mute")}
    closes = generator(tmp_path, "closes_its_output", "sys.stdout.close(); sys.stderr.close()")
    rows = run(scope, plan(scope, ",".join([*names.values(), closes, "noise"]), attacks="none")).rows
    for name, plugin in names.items():
        assert SAID[name][1] in sample_row(rows, plugin)["reason"]
    assert (rows.query("generator in ('noise', @closes)")["status"] == "ok").all()


@pytest.mark.parametrize("name", VALUES)
def test_a_measure_that_is_no_finite_number_is_a_failed_row_beside_others(
    toy_cohort: Cohort, tmp_path: Path, name: str
) -> None:
    value, reason = VALUES[name]
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    measure = metric(tmp_path, f"gives_{name}", f"value = {value}")
    outcome = run(scope, plan(scope, "noise", metrics=f"mmd,{measure}", attacks="none"), HERE, Serial())
    status = outcome.rows.set_index("measure")["status"]
    assert (status["mmd"], status[measure]) == ("ok", "failed")
    assert reason in outcome.rows.set_index("measure")["reason"][measure]
    assert "mmd" in pages(scope, outcome, tmp_path).lower()


def test_measures_near_the_largest_number_there_is_are_printed(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    measure = metric(tmp_path, "gives_the_largest", "value = 1.5e308")
    cells = plan(scope, "noise", (1, 2), metrics=measure, attacks="none")
    assert "every planned number exists" in pages(scope, run(scope, cells, HERE, Serial()), tmp_path)
    assert number(Summary(1.5e308, math.nan, 1, 1), 3).text == "1.5e+308"
    overflown = Summary(math.inf, math.nan, 2, 2)
    assert number(overflown, decimals_for([overflown])).text == "inf"


def test_a_claim_in_odd_texts_and_numbers_is_written(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    claim = "PrivacyClaim(mechanism='m\\udce9', unit='u', neighbours='add-remove', epsilon=np.float32(2), delta=0, accountant='a', outside=('s\\x00',))"
    body = f"from bench import PrivacyClaim\ntype(self).claim = lambda self: {claim}"
    outcome = run(scope, plan(scope, generator(tmp_path, "claims_oddly", body), attacks="none"), HERE, Serial())
    row = outcome.rows.query("measure == 'epsilon'").iloc[0]
    assert (row["value"], row["mechanism"], row["outside"]) == (2.0, "m\\udce9", '["s\\\\x00"]')
    pages(scope, outcome, tmp_path)


@pytest.mark.parametrize("scores", ["np.full(len(view.targets), 1j)", "['x'] * len(view.targets)", "None", "np.inf"])
def test_scores_that_are_no_real_numbers_are_failed_rows(toy_cohort: Cohort, tmp_path: Path, scores: str) -> None:
    path = tmp_path / "odd_scores.py"
    path.write_text(
        "from dataclasses import dataclass\nimport numpy as np\nfrom bench import attack\n"
        '@attack("odd_scores", family="distance", access="black-box")\n@dataclass(kw_only=True)\nclass A:\n    """Odd."""\n'
        f"    def score(self, view, *, rng):\n        return {scores}\n"
    )
    add_plugin_file(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "bench_plugin_odd_scores", raising=False)
        scope = scope_of(toy_dataset(toy_cohort), tmp_path)
        rows = run(scope, plan(scope, "noise", attacks="mc,odd_scores"), HERE, Serial()).rows
    status = rows.groupby("attack")["status"].unique().map(list)
    assert (status["mc"], status["odd_scores"]) == (["ok"], ["failed"])


# -- what an earlier version let in --------------------------------------------------------------------------------------


def spoiled(rows: pd.DataFrame) -> list[list[object]]:
    """Return rows as an earlier version could record them: a reason that is no UTF-8, an infinite measure."""
    rows = rows.astype(object)
    rows.loc[rows["measure"] == "mmd", "value"] = np.inf
    rows.loc[rows["measure"] == "n_synthetic", ["status", "reason"]] = "failed", "no weights in model_\udce9"
    return rows.to_numpy().tolist()


def test_a_folder_that_an_earlier_version_spoiled_heals(toy_cohort: Cohort, tmp_path: Path) -> None:
    make_home(tmp_path, toy_cohort)
    words = "run --dataset toy --generators noise --metrics mmd --attacks none --folds 1 --executor serial"
    assert command(tmp_path, *words.split()).returncode == 0
    (record,) = (tmp_path / "results/store/runs").glob("*.json")
    held = json.loads(record.read_text())
    held["rows"] = spoiled(table_of_records(held["rows"]))
    held["about"]["command"] = "bench run --out r\udce9sultats"
    record.write_text(json.dumps(held))
    assert all(kept in record.read_text() for kept in ("Infinity", r"model_\udce9"))
    for again in (words.replace("noise", "multivariate").split(), ["report", "--html"]):
        done = command(tmp_path, *again)
        assert done.returncode == 0, done.stderr
    rows = read_rows(tmp_path / "results/rows/toy.csv")[0].query("generator == 'noise'").set_index("measure")
    assert rows.loc["n_synthetic", "reason"] == "no weights in model_\\udce9"
    assert rows.loc["mmd", "status"] == "failed"
    assert rows.loc["mmd", "reason"] == "mmd is inf; expected a finite number, or NaN where it is undefined"
    assert np.isnan(rows.loc["mmd", "value"])


def test_an_infinite_measure_in_a_file_of_rows_stops_no_page(toy_cohort: Cohort, tmp_path: Path) -> None:
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    pages(scope, run(scope, plan(scope, "noise", attacks="none"), HERE, Serial()), tmp_path)
    path = tmp_path / "rows/toy.csv"
    rows = pd.read_csv(path, keep_default_na=False, dtype=str)
    rows.loc[rows["measure"] == "mmd", "value"] = "inf"
    rows.to_csv(path, index=False)
    assert "mmd is inf; expected a finite number" in whole_leaderboard(path)
    write_report(path)


def test_an_infinite_epsilon_is_a_claim_and_stays(toy_cohort: Cohort, tmp_path: Path) -> None:
    claim = PrivacyClaim(mechanism="m", unit="u", neighbours="add-remove", epsilon=np.inf, delta=0.0, accountant="a")
    assert claim.epsilon == np.inf
    scope = scope_of(toy_dataset(toy_cohort), tmp_path)
    rows = run(scope, plan(scope, "noise", attacks="none"), HERE, Serial()).rows
    rows.loc[rows["measure"] == "epsilon", "value"] = np.inf
    kept = table_of_records(rows.astype(object).to_numpy().tolist())
    assert kept.set_index("measure").loc["epsilon", "value"] == np.inf
