"""A generator made of two commands: what they get, what they may return, and what is said when they fail."""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bench.cli
from bench import Cohort, PluginError, stream
from bench.conformance.plugins import check_plugin, people
from bench.conformance.scaffold import write_scaffold
from bench.registry.declarations import PluginInfo
from bench.registry.digests import code_digest
from bench.registry.finding import add_plugin_file, create, missing_needs

FIT = 'fit = ["{python}", "fit.py", "{train_data}", "{train_labels}", "{model}"]'
SAMPLE = 'sample = ["{python}", "sample.py", "{model}", "{n}", "{seed}", "{synthetic_data}", "{synthetic_labels}"]'
READ = "import sys, shutil, pathlib\ndata, labels, model, *more = sys.argv[1:]\n"
KEEP = READ + "shutil.copy(data, model + '/data.csv')\nshutil.copy(labels, model + '/labels.csv')\n"
DRAW = """
import csv, random, sys
model, n, seed, data, labels, *more = sys.argv[1:]
rows, y = list(csv.reader(open(model + '/data.csv'))), list(csv.reader(open(model + '/labels.csv')))
rng = random.Random(int(seed))
chosen = [1 + rng.randrange(len(rows) - 1) for _ in range(int(n))]
rows, y = [rows[0]] + [rows[i] for i in chosen], [y[0]] + [y[i] for i in chosen]
# here
csv.writer(open(data, 'w')).writerows(rows)
csv.writer(open(labels, 'w')).writerows(y)
"""


def method(folder: Path, toml: str = f"{FIT}\n{SAMPLE}\n", fit: str = KEEP, sample: str = DRAW) -> PluginInfo:
    (folder / "fit.py").write_text(fit)
    (folder / "sample.py").write_text(sample)
    name = f"method_{abs(hash(str(folder)))}"
    (folder / f"{name}.toml").write_text('summary = "Draw training samples."\n' + toml)
    return add_plugin_file(folder / f"{name}.toml")


def drawn(info: PluginInfo, n: int = 20, **params: object) -> Cohort:
    fitted = create(info, params).fit(people(30, "train"), rng=stream(1, "fit"))
    sample: Cohort = fitted.sample(n, rng=stream(1, "sample"))
    return sample


def test_two_scripts_of_another_interpreter_keep_the_contract(tmp_path: Path) -> None:
    assert [finding for finding in check_plugin(method(tmp_path)) if finding.problem] == []


def test_values_labels_genes_and_odd_names_travel_through_files_exactly(tmp_path: Path) -> None:
    train = people(30, "train")
    odd = Cohort(X=train.X * np.float32(1 / 3), y=[f'{y}, "ü"' for y in train.y], genes=("a,b", 'c"d', "é", *train.genes[3:]),
                 samples=train.samples, units="log2")  # fmt: skip
    sample = create(method(tmp_path)).fit(odd, rng=stream(1)).sample(40, rng=stream(2))
    assert sample.genes == odd.genes
    people_of = {(row.tobytes(), label) for row, label in zip(odd.X, odd.y, strict=True)}
    assert {(row.tobytes(), label) for row, label in zip(sample.X, sample.y, strict=True)} <= people_of


def test_genes_in_another_order_are_put_in_order_by_name(tmp_path: Path) -> None:
    other = DRAW.replace("# here", "rows = [[row[i] for i in reversed(range(len(row)))] for row in rows]")
    assert drawn(method(tmp_path, sample=other)).genes == people(30, "train").genes
    rows = {row.tobytes() for row in people(30, "train").X}
    assert {row.tobytes() for row in drawn(method(tmp_path, sample=other)).X} <= rows


def test_a_parameter_reaches_the_command_as_one_word_and_no_shell_reads_it(tmp_path: Path) -> None:
    toml = f'{FIT[:-1]}, "{{text}}", "--x={{number}}", "{{yes}}"]\n{SAMPLE}\n[params]\ntext = "plain"\nnumber = 0.5\nyes = true\n'
    fit = KEEP + "pathlib.Path(model, 'words').write_text(repr(more))\n"
    info = method(tmp_path, toml, fit=fit)
    nasty = f"$(touch {tmp_path}/hacked); `touch {tmp_path}/hacked` 'a' {{seed}}"
    fitted = create(info, {"text": nasty}).fit(people(30, "train"), rng=stream(1))
    assert eval(fitted.model_["words"]) == [nasty, "--x=0.5", "true"]
    assert not (tmp_path / "hacked").exists()


def test_the_commands_run_beside_their_file_without_our_python_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    (tmp_path / "beside.py").write_text("found = 'beside'\n")
    fit = KEEP + (
        "import os, beside\npathlib.Path(model, 'sub').mkdir()\n"
        "pathlib.Path(model, 'sub/seen').write_text(repr((os.getcwd(), os.environ.get('PYTHONPATH'), os.environ['WITH'])))\n"
    )
    info = method(tmp_path, f'{FIT}\n{SAMPLE}\n[environment]\nWITH = "care"\n', fit=fit)
    fitted = create(info).fit(people(30, "train"), rng=stream(1))
    assert eval(fitted.model_["sub/seen"]) == (str(tmp_path), None, "care")


def test_a_fitted_model_is_pickled_samples_the_same_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    toml = f'{FIT}\n{SAMPLE[:-1]}, "{{size}}"]\n[params]\nsize = 1\n'
    fitted = create(method(tmp_path, toml), {"size": 3}).fit(people(30, "train"), rng=stream(1))
    again = pickle.loads(pickle.dumps(fitted))
    assert again.size == 3
    assert again.sample(9, rng=stream(2)).digest == fitted.sample(9, rng=stream(2)).digest
    assert list(scratch.iterdir()) == []


FAILURES = {
    "a failing fit": ("fit", "print('noise')\nsys.exit('no convergence in class b')", "the fit command ended with status 1: no convergence in class b"),
    "a traceback": ("fit", "raise KeyError('gene')", "KeyError: 'gene' [python"),
    "a crash": ("fit", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with signal 11: nothing on stderr"),
    "an empty model": ("fit", "import os; [os.remove(f'{model}/{name}') for name in os.listdir(model)]", "wrote nothing into {model}"),
    "no output": ("sample", "sys.exit()", "the sample command wrote no synthetic_data.csv"),
    "no header": ("sample", "rows = []", "lacks 24 genes"),
    "a gene is missing": ("sample", "rows = [row[:-1] for row in rows]", "lacks 1 genes, such as"),
    "a gene comes twice": ("sample", "rows = [[*row, row[0]] for row in rows]", "has a gene twice"),
    "row names": ("sample", "rows = [[str(i or ''), *row] for i, row in enumerate(rows)]", "Write it without row names (R: row.names = FALSE"),
    "too few rows": ("sample", "rows = rows[:-1]", "has 19 rows; expected {n} = 20"),
    "a short row": ("sample", "rows[3] = rows[3][:-1]", "synthetic_data.csv, line 4 has 23 cells; expected 24"),
    "NaN": ("sample", "rows[2][1] = 'nan'", "line 3, gene 'GENE0389' is nan; expected a finite number"),
    "infinity": ("sample", "rows[2][1] = '1e999'", "line 3, gene 'GENE0389' is 1e999; expected a finite number"),
    "a word": ("sample", "rows[2][1] = 'NA'", "could not convert string to float: 'NA'"),
    "an unknown label": ("sample", "y[1] = ['z']", "has the label 'z'; expected one of 'a', 'b', 'c'"),
    "two label columns": ("sample", "y = [['1', *row] for row in y]", "has 2 columns; expected one"),
    "too few labels": ("sample", "y = y[:-1]", "has 19 labels below its header; expected {n} = 20"),
    "latin-1": ("sample", "open(data, 'wb').write(b'\\xe9\\n'); sys.exit()", "cannot be read as CSV in UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
def test_a_command_that_fails_or_writes_nonsense_is_one_clear_error(tmp_path: Path, failure: str) -> None:
    step, line, words = FAILURES[failure]
    scripts = {"fit": f"{KEEP}{line}\n"} if step == "fit" else {"sample": DRAW.replace("# here", line)}
    with pytest.raises(PluginError) as error:
        drawn(method(tmp_path, **scripts))
    assert words in str(error.value)
    assert len(str(error.value)) < 300  # the whole of it fits into a row


BAD_FILES = {
    "a shell line": ('fit = "python fit.py"\n' + SAMPLE, 'fit is one text; expected a list of words'),
    "no sample": (FIT, "sample is None; expected a list of words"),
    "an empty command": ("fit = []\n" + SAMPLE, "fit is []; expected a list of words"),
    "a misspelt placeholder": (FIT.replace("{model}", "{modle}") + "\n" + SAMPLE, "placeholder {modle}, which is not known. Did you mean 'model'?"),
    "no seed": (FIT + "\n" + SAMPLE.replace('"{seed}", ', ""), "sample lacks the placeholder {seed}"),
    "an unknown key": ("fits = 1\n" + FIT + "\n" + SAMPLE, "there is no key 'fits'. Did you mean 'fit'?"),
    "no TOML": ("fit = [", "cannot be read as TOML"),
    "a list as parameter": (FIT + "\n" + SAMPLE + "\n[params]\na = [1]\n", "parameter 'a' is [1]; expected a number"),
    "a taken parameter": (FIT + "\n" + SAMPLE + "\n[params]\nn = 1\n", "a parameter cannot be called 'n'"),
    "quick sets what is not there": (FIT + "\n" + SAMPLE + "\n[quick]\nepochs = 1\n", "quick sets 'epochs', which is no parameter"),
    "a wrong type": ("doi = 5\n" + FIT + "\n" + SAMPLE, "doi is 5; expected a text"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", BAD_FILES)
def test_a_mistake_in_the_file_is_refused_with_the_reason(tmp_path: Path, mistake: str) -> None:
    toml, words = BAD_FILES[mistake]
    with pytest.raises(PluginError) as error:
        method(tmp_path, toml)
    assert words in str(error.value)


def test_a_program_that_is_not_here_is_named_before_anything_runs(tmp_path: Path) -> None:
    info = method(tmp_path, FIT.replace("{python}", "no_such_program") + "\n" + SAMPLE)
    assert "there is no program 'no_such_program', which its fit command starts" in str(missing_needs(info))
    result = call("check", info.name, "--plugin", info.path)
    assert "no_such_program" in str(result.exception)


def test_a_program_in_a_folder_of_its_own_is_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/python").symlink_to(sys.executable)
    assert len(drawn(method(tmp_path, FIT.replace("{python}", "env/python") + "\n" + SAMPLE))) == 20


def test_the_key_holds_the_commands_and_the_content_of_the_files_they_name(tmp_path: Path) -> None:
    (tmp_path / "env.lock").write_text("1\n")
    toml = f'files = ["*.lock"]\n{FIT}\n{SAMPLE}\n'
    first = code_digest(method(tmp_path, toml))
    assert code_digest(method(tmp_path, "# a remark\n" + toml)) == first
    assert code_digest(method(tmp_path, toml, sample=DRAW + "\n# changed\n")) != first
    assert code_digest(method(tmp_path, toml.replace('"{model}"]', '"{model}", "--fast"]'))) != first
    (tmp_path / "env.lock").write_text("2\n")
    assert code_digest(method(tmp_path, toml)) != first
    (tmp_path / "env.lock").unlink()
    with pytest.raises(PluginError, match=r"files names '\*\.lock', which is no file"):
        code_digest(method(tmp_path, toml))


@pytest.mark.full
def test_a_run_compares_it_computes_changed_commands_anew_and_stops_what_hangs(tmp_path: Path) -> None:
    write_scaffold("dataset", "hang_data", tmp_path)
    info = method(tmp_path, fit=KEEP + "block = bytearray(b'x') * 400_000_000\n")
    words = [
        "run",
        "--plugin",
        info.path,
        "--plugin",
        tmp_path / "hang_data.py",
        "--generators",
        info.name,
        "--folds",
        1,
    ]
    words += ["--dataset", "hang_data", "--metrics", "marginals", "--attacks", "none", "--threads", 1, "--jobs", 1]
    words += ["--out", tmp_path / "out"]
    assert call(*words).exit_code == 0
    assert "0 tasks computed" in call(*words).output
    rows = pd.read_csv(tmp_path / "out/rows/hang_data-simulated.csv", keep_default_na=False)
    assert rows["peak_mb"][rows["measure"] == "peak_mb"].astype(float).max() > 350  # the command's, not the harness's
    pid = tmp_path / "pid"
    hangs = f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)"
    method(tmp_path, fit=KEEP + hangs)
    assert call(*words, "--timeout", 12).exit_code == 1
    rows = pd.read_csv(tmp_path / "out/rows/hang_data-simulated.csv", keep_default_na=False)
    assert "stopped after 12 s (--timeout)" in set(rows["reason"])
    assert ended(int(pid.read_text()))


def ended(pid: int) -> bool:
    """Return whether a process ends within a minute; one that nobody has waited for yet has ended too."""
    for _ in range(600):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def call(*words: object) -> Result:
    return CliRunner().invoke(bench.cli._bench, list(map(str, words)))


def test_it_cannot_be_packed_as_an_entry_of_the_challenge(tmp_path: Path) -> None:
    info = method(tmp_path)
    words = ["--team", "t", "--generator", info.name, "--dataset", "brca", "--seed", 7, "--plugin", info.path]
    result = call("submit", "pack", *words, "--out", tmp_path)
    assert "is made of commands; an entry needs the code of a Python class" in str(result.exception), result.output
