"""`bench new` writes a working file of each kind, refuses what would do harm, and says what to type next."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bench
import bench.cli
from bench import PluginError, stream
from bench.conformance.datasets import check_dataset
from bench.conformance.plugins import check_plugin, people
from bench.conformance.scaffold import NEW_KINDS, NewKind, write_scaffold
from bench.datasets.known.providers import add_dataset_file
from bench.registry.finding import add_plugin_file, create

ROOT = Path(__file__).parents[2]


def run(*words: str) -> str:
    result = CliRunner().invoke(bench.cli._bench, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("kind", NEW_KINDS)
def test_what_is_written_passes_every_check_as_it_is(tmp_path: Path, kind: NewKind) -> None:
    made = write_scaffold(kind, f"fresh_{kind}", tmp_path)
    findings = (
        check_dataset(add_dataset_file(made.plugin))
        if kind == "dataset"
        else check_plugin(add_plugin_file(made.plugin))
    )
    assert [f for f in findings if f.problem] == []


def test_the_tests_that_are_written_pass(tmp_path: Path) -> None:
    for kind in NEW_KINDS:
        write_scaffold(kind, f"own_{kind}", tmp_path)
    ended = pytest_in(tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "passed" in ended.stdout


def test_the_guide_leads_from_the_scaffold_to_a_method_of_ones_own_with_a_known_answer(tmp_path: Path) -> None:
    page = (ROOT / "docs/add-a-generator.md").read_text()
    method, answer = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    made = write_scaffold("generator", "shrunken", tmp_path)
    made.plugin.write_text(method)
    tests = tmp_path / "test_shrunken.py"
    contract = tests.read_text().partition("def test_a_large_sample")[0].replace("PluginError, ", "")
    tests.write_text(contract + answer)
    ended = pytest_in(tmp_path)
    assert ended.returncode == 0, ended.stdout
    tests.write_text(contract + answer.replace('"shrink": 1.0', '"shrink": 0.0'))
    assert "1 failed" in pytest_in(tmp_path).stdout


def pytest_in(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", ".", "."]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)


def test_from_new_to_the_leaderboard(tmp_path: Path) -> None:
    for kind in NEW_KINDS:
        run("new", kind, f"led_{kind}", "--to", str(tmp_path))
    plugins = [tmp_path / f"led_{kind}.{'toml' if kind == 'command' else 'py'}" for kind in NEW_KINDS]
    files = [word for path in plugins for word in ("--plugin", str(path))]
    run("run", *files, "--dataset", "led_dataset", "--generators", "led_generator,led_generator[spread=2],led_command,multivariate",
        "--metrics", "led_metric,marginals", "--attacks", "led_attack,gan_leaks", "--folds", "1",
        "--out", str(tmp_path / "out"), "--threads", "1", "--jobs", "1", "--timeout", "300")  # fmt: skip
    rows = pd.read_csv(tmp_path / "out/rows/led_dataset-simulated.csv", keep_default_na=False)
    assert set(rows["status"]) == {"ok"}
    assert set(rows["params"][rows["generator"] == "led_generator"]) == {"", "spread=2.0"}
    assert set(rows["generator"]) == {"led_generator", "led_command", "multivariate"}
    assert {"led_metric_mean_rmse", "auc"} <= set(rows["measure"])
    assert {"led_attack", "gan_leaks"} <= set(rows["attack"])
    page = (tmp_path / "out/leaderboard/led_dataset-simulated.md").read_text()
    assert "led_generator[spread=2.0]" in page


def test_it_says_what_it_wrote_and_what_to_type_next(tmp_path: Path) -> None:
    told = run("new", "attack", "told_attack", "--to", str(tmp_path / "new/folder"))
    path = tmp_path / "new/folder/told_attack.py"
    assert path.is_file()
    assert path.with_name("test_told_attack.py").is_file()
    assert f"bench check told_attack --plugin {path}" in told
    assert f"bench run --plugin {path} --attacks told_attack,gan_leaks" in told


def test_a_dataset_in_a_file_is_listed(tmp_path: Path) -> None:
    path = write_scaffold("dataset", "listed_data", tmp_path).plugin
    listed = "".join(run("list", "datasets", "--plugin", str(path)).split())  # a path longer than the table is cut
    assert f"listed_datafrom{path}" in listed


def test_tests_are_left_out_when_nobody_wants_them(tmp_path: Path) -> None:
    run("new", "metric", "untested", "--to", str(tmp_path), "--no-test")
    assert [path.name for path in tmp_path.iterdir()] == ["untested.py"]


def test_in_the_root_of_the_checkout_files_go_where_they_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bench").symlink_to(Path(bench.__file__).parent)
    made = write_scaffold("metric", "belongs_here", tmp_path)
    assert made.built_in
    assert made.plugin == tmp_path / "metrics/belongs_here.py"
    assert made.tests == tmp_path / "tests/test_belongs_here.py"
    text = made.tests.read_text()
    assert 'INFO = find("metric", "belongs_here")' in text
    assert "Path" not in text
    assert "from bench.registry import create, find\n" in text


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("generator", "MyMethod", "such as 'my_method'"),
        ("generator", "my-method", "such as 'my_method'"),
        ("generator", "2fast", "such as 'fast'"),
        ("generator", "", "expected lower-case letters"),
        ("generator", "../up", "such as 'up'"),
        ("generator", "a" * 65, "64 at most"),
        ("generator", "müller", "expected lower-case letters"),
        ("generator", "lambda", "no word of the Python language"),
        ("generator", "multivariate", "there is one of that name"),
        ("attack", "gan_leaks", "there is one of that name"),
        ("metric", "mmd", "there is one of that name"),
        ("dataset", "brca", "there is one of that name"),
        ("generator", "test_mine", "pytest would take the file for tests"),
        ("generator", "numpy", "would hide the installed Python module"),
        ("dataset", "stream", "the file imports something of that name"),
        ("dataset", "np", "the file imports something of that name"),
        ("generator", "string", "would hide the installed Python module"),
    ],
)
def test_a_bad_name_is_refused_with_one_message_and_nothing_is_written(
    tmp_path: Path, kind: NewKind, name: str, words: str
) -> None:
    with pytest.raises(PluginError) as error:
        write_scaffold(kind, name, tmp_path)
    assert words in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious\n")
    with pytest.raises(PluginError, match="is there already and is left as it is"):
        write_scaffold("generator", "mine", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious\n"


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(bench.BenchError, match="cannot write"):
        write_scaffold("generator", "mine", tmp_path / "file")


@pytest.mark.parametrize(("kind", "name"), [("generator", "cohort"), ("metric", "measure"), ("attack", "attack_view")])
def test_a_name_that_the_file_uses_itself_still_works(tmp_path: Path, kind: NewKind, name: str) -> None:
    made = write_scaffold(kind, name, tmp_path)
    findings = (
        check_dataset(add_dataset_file(made.plugin))
        if kind == "dataset"
        else check_plugin(add_plugin_file(made.plugin))
    )
    assert [f for f in findings if f.problem] == []


def test_the_samples_of_the_template_follow_its_parameter() -> None:
    info = add_plugin_file(Path(bench.__file__).parent / "conformance/templates/my_generator.py")
    spreads = [
        np.std(create(info, {"spread": s}).fit(people(60, "train"), rng=stream(1)).sample(90, rng=stream(2)).X)
        for s in (0.0, 3.0)
    ]
    assert spreads[1] > spreads[0]
