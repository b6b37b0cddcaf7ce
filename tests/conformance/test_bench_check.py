"""`bench check` tells a beginner what is wrong, where it is and what to write instead."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

import bench.cli
from bench.conformance.plugins import check_plugin
from bench.conformance.scaffold import write_scaffold
from bench.registry.finding import add_plugin_file

SAMPLE = "return self.like_.synthetic(X, self.labels_[k])"
FIT = "        self.like_ = cohort.take([])"
DRAW = "X = rng.normal(self.means_[k], self.spread * self.sd_)"
END = "    # Optional: claim()"
MISTAKES = {
    "forgot @dataclass": ("@dataclass(kw_only=True)\n", "", ["is not a dataclass", "put @dataclass(kw_only=True) under the decorator"]),
    "forgot the decorator": ('@generator("{name}")\n', "", ["MyMethod", "looks like a generator", '@generator("my_method_']),
    "decorator without a name": ('@generator("{name}")', "@generator", ["line", 'write @generator("the_file_name")']),
    "another name than the file's": ('@generator("{name}")', '@generator("other")', ["declares 'other'", "expected the file's name", "Rename"]),
    "parameter without a default": ("spread: float = 1.0", "spread: float", ["line 19", "'spread' has no default", "float = 1.0"]),
    "parameter without a type": ("spread: float = 1.0", "spread = 1.0", ["'spread' has no type", "write `spread: float"]),
    "computed default": ("spread: float = 1.0", "spread: float = np.sqrt(2)", ["line 19", "'np.sqrt(2)' is not a plain value"]),
    "forgot the docstring": ("    \"\"\"Sample each gene", "    # \"\"\"Sample each gene", ["has no docstring", "first line is what lists"]),
    "syntax error": ("return self\n", "return self)\n", ["line 34", "unmatched ')'", "return self)"]),
    "import error": ("import numpy as np", "import numpy as np\nimport no_such_library", ["No module named 'no_such_library'", "line 9", "needs="]),
    "forgot rng": ("cohort: Cohort, *, rng: np.random.Generator", "cohort: Cohort", ["fit cannot be called", "expected fit(self, cohort, *, rng)"]),
    "fit returns nothing": ("        return self\n", "", ["fit did not return self"]),
    "no fit": ("def fit", "def train", ["has no method 'fit'", "needs fit, sample"]),
    "returns an array": (SAMPLE, "return X", ["sample returned ndarray", "cohort.synthetic(X, y)"]),
    "returns a pair": (SAMPLE, "return X, self.labels_[k]", ["sample returned tuple", "cohort.synthetic(X, y)"]),
    "ignores n": (SAMPLE, "return self.like_.synthetic(X[:5], self.labels_[k][:5])", ["sample(60) returned 5 samples; expected 60"]),
    "other units": (SAMPLE, "return Cohort(X=np.rint(np.abs(X)), y=self.labels_[k], genes=self.like_.genes, samples=[str(i) for i in range(n)], units='counts')", ["sample returned units 'counts'; expected 'log2'"]),
    "sorts the names of genes": (SAMPLE, "return Cohort(X=X, y=self.labels_[k], genes=sorted(self.like_.genes), samples=[str(i) for i in range(n)], units='log2')", ["another order of genes", "number 2 is", "cohort.synthetic"]),
    "sorts the columns of genes": (SAMPLE, "return self.like_.synthetic(X[:, np.argsort(self.like_.genes)], self.labels_[k])", ["alphabetical order of the genes", "the order of cohort.genes"]),
    "drops a gene": (SAMPLE, "return self.like_.synthetic(X[:, 1:], self.labels_[k])", ["shape (60, 23)", "24 gene names", "line"]),
    "NaN": (DRAW, DRAW + "; X[0, 0] = np.nan", ["is nan; expected a finite number", "line"]),
    "labels as numbers": (SAMPLE, "return self.like_.synthetic(X, k)", ["label '0'", "texts of cohort.y ('a', 'b', 'c'", "not their numbers"]),
    "seeds the global state": (DRAW, "np.random.seed(0); " + DRAW, ["global random state was used or seeded", "draw only from the rng"]),
    "draws from the global state": (DRAW, "X = self.means_[k] + np.random.randn(n, 24)", ["global random state was used"]),
    "a fixed seed": ("        k = rng", "        rng = np.random.default_rng(42)\n        k = rng", ["two different random streams gave the same sample"]),
    "the old names of draws": (DRAW, "X = self.means_[k] + rng.randn(n, 24)", ["'randn'", "standard_normal", "line"]),
    "rng as a seed": (DRAW, "import random; random.Random(rng); " + DRAW, ["supported seed types", "bench.integer_seed(rng)", "line"]),
    "modifies the training data": (FIT, "        cohort.X[:] = np.log1p(cohort.X)\n" + FIT, ["read-only", "X = cohort.X.copy()", "line 29"]),
    "needs large classes": (FIT, "        assert np.unique(cohort.y, return_counts=True)[1].min() > 5, 'class too small'\n" + FIT, ["class too small", "line"]),
    "remembers the first fit": ("        self.sd_ = (", "        self.fits_ = getattr(self, 'fits_', 0) + 1\n        self.sd_ = self.fits_ * (", ["after a second fit, samples still depend on the first", "set every attribute anew in fit"]),
    "claims a bare number": (END, "    def claim(self):\n        return 1.0\n\n" + END, ["claim() returned float", "expected a PrivacyClaim"]),
    "claims without a mechanism": (END, "    def claim(self):\n        from bench import PrivacyClaim\n        return PrivacyClaim(epsilon=1.0, delta=0.0)\n\n" + END, ["missing 4 required", "mechanism", "a claim names its mechanism"]),
    "claims an empty mechanism": (END, "    def claim(self):\n        from bench import PrivacyClaim\n        return PrivacyClaim(mechanism='', unit='one sample', neighbours='add-remove', epsilon=1.0, delta=0.0, accountant='none')\n\n" + END, ["claims epsilon 1 without naming a mechanism"]),
}  # fmt: skip
_numbers = itertools.count()


def check(folder: Path, old: str, new: str) -> tuple[int, str]:
    """Return the exit status and the words of `bench check` about the template with one mistake in it."""
    name = f"my_method_{next(_numbers)}"
    path = write_scaffold("generator", name, folder).plugin
    text = path.read_text().replace(f"class MyMethod{name.rpartition('_')[2]}", "class MyMethod")
    old, new = old.replace("{name}", name), new.replace("{name}", name)
    assert old in text, old
    path.write_text(text.replace(old, new, 1))
    return run("check", name, "--plugin", str(path))


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(bench.cli._bench, list(words))
    told = "" if result.exception is None or isinstance(result.exception, SystemExit) else f"Error: {result.exception}"
    return result.exit_code, result.output + told


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_typical_mistake_is_told_in_words_that_help(tmp_path: Path, mistake: str) -> None:
    old, new, words = MISTAKES[mistake]
    status, told = check(tmp_path, old, new)
    assert status != 0
    assert [word for word in words if word not in told] == [], told


ENDS = {
    "a text that cannot be had": ("class Mute(Exception):\n            def __str__(self): raise RuntimeError\n        raise Mute", "Mute: no text: its str() raised RuntimeError"),
    "a byte that is no UTF-8": ("raise ValueError('model_\\udce9')", "ValueError: model_\\udce9"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "the plugin raised KeyboardInterrupt itself; nobody pressed Ctrl-C"),
    "sys.exit": ("import sys; sys.exit('no licence')", "the plugin ended the program by sys.exit(no licence)"),
    "GeneratorExit": ("raise GeneratorExit", "GeneratorExit: no message"),
    "complex numbers": ("return cohort.synthetic(cohort.X + 1j, cohort.y)", "are complex numbers; expected real ones"),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_what_would_end_the_check_is_told_like_everything_else(tmp_path: Path, end: str) -> None:
    body, words = ENDS[end]
    status, told = check(tmp_path, FIT, f"        {body}\n{FIT}")
    assert status == 1
    assert words in told
    assert "line" in told
    assert told.endswith("1 to mend\n")


def test_a_program_that_ends_when_it_is_imported_is_told(tmp_path: Path) -> None:
    status, told = check(tmp_path, "import numpy as np", "import sys\nimport numpy as np\nsys.exit(0)")
    assert (status, "the plugin ended the program by sys.exit(0)" in told) == (1, True)


def test_ctrl_c_still_ends_a_check(tmp_path: Path) -> None:
    path = write_scaffold("generator", "my_slow_method", tmp_path).plugin
    path.write_text(
        path.read_text().replace(FIT, f"        import os, signal; os.kill(os.getpid(), signal.SIGINT)\n{FIT}")
    )
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        next(f for f in check_plugin(add_plugin_file(path)) if f.problem)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_infinite_measure_is_told(tmp_path: Path) -> None:
    path = write_scaffold("metric", "my_ratio", tmp_path).plugin
    path.write_text(path.read_text().replace("float(np.sqrt(((means[2] - means[0]) ** 2).mean()))", "np.inf"))
    status, told = run("check", "my_ratio", "--plugin", str(path))
    assert status == 1
    assert "is inf; expected a finite number, or NaN where it is undefined" in told


def test_one_mistake_is_told_once(tmp_path: Path) -> None:
    _, told = check(tmp_path, SAMPLE, "return X")
    assert told.count("sample returned ndarray") == 1
    assert "the same as above" in told
    assert "1 to mend" in told


def test_what_a_plugin_prints_is_no_fault_but_noted(tmp_path: Path) -> None:
    status, told = check(tmp_path, FIT, "        print('epoch 1')\n" + FIT)
    assert status == 0
    assert "it printed 'epoch 1' (lines: 2); in a run that goes to the log" in told


def test_a_name_that_is_nowhere_points_at_the_plugin_option() -> None:
    status, told = run("check", "multivariat")
    assert status != 0
    assert "Did you mean 'multivariate'" in told
    assert "--plugin FILE" in told


OTHERS = {
    "a score is missing": ("attack", "for x in view.targets])", "for x in view.targets[1:]])", ["scores of shape (179,); expected one per candidate, (180,)"]),
    "returns nothing": ("attack", "        return np.array([self", "        np.array([self", ["scores of shape (); expected one per candidate"]),
    "higher means other": ("attack", "return -float", "return float", ["AUC 0.000 on a verbatim copy", "is the sign turned round?"]),
    "what is not granted": ("attack", "        return np.array([self", "        len(view.reference)\n        return np.array([self", ["a field of the view that `access` does not grant is None", "line"]),
    "looks for members": ("attack", "        return np.array([self", "        view.member\n        return np.array([self", ["membership is not in it", "line"]),
    "an unknown access": ("attack", 'access="black-box"', 'access="blackbox"', ["access 'blackbox'; expected one of black-box"]),
    "an unknown family": ("attack", 'family="distance"', 'family="near"', ["family 'near'; expected one of distance"]),
    "global randomness": ("attack", "return np.array([self", "return np.random.rand(180) + np.array([self", ["in another order", "draw only from the rng"]),
    "an unnamed number": ("metric", "        return {\n            \"my", "        return 3.0\n        return {\n            \"my", ["returned float; expected a dictionary with my_"]),
    "an array": ("metric", "float(np.sqrt(((means[2] - means[0]) ** 2).mean()))", "means[2]", ["is an array; expected one number"]),
    "another name": ("metric", '_base": float(', '_bse": float(', ["differs in what it returned"]),
    "the wrong direction": ("metric", '"lower", 0, title', '"higher", 0, title', ["but higher is declared better"]),
    "forgot holdout": ("metric", "holdout: Cohort, synthetic", "synthetic", ["expected __call__(self, train, holdout, synthetic, *, rng)"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", OTHERS)
def test_a_mistake_in_an_attack_or_a_metric_is_told(tmp_path: Path, mistake: str) -> None:
    kind, old, new, words = OTHERS[mistake]
    name = f"my_{kind}_{next(_numbers)}"
    path = write_scaffold(kind, name, tmp_path).plugin  # type: ignore[arg-type]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    status, told = run("check", name, "--plugin", str(path))
    assert status != 0
    assert [word for word in words if word not in told] == [], told


DATASET = {
    "another function": ("def {name}(", "def other(", ["has only other()", "expected `def {name}() -> Dataset:`"]),
    "another name": ('name="{name}"', 'name="other"', ["gave a Dataset named 'other'", "whose name is '{name}'"]),
    "returns the cohort": ("    return Dataset(", "    return cohort\n    return Dataset(", ["gave Cohort; expected a function that returns"]),
    "no source": ('source="invented by {name}.py"', 'source=""', ["its source is ''"]),
    "differs at every call": ("rng = stream(1, \"{name}\")", "rng = np.random.default_rng()", ["two loads gave different data", "bench.stream(1"]),
    "one class": ('["asthma", "healthy", "copd"]', '["asthma", "asthma", "asthma"]', ["all labels are 'asthma'"]),
    "a class of one": ("% 3]\n    centres", "% 3]\n    y[:1] = 'rare'\n    centres", ["class 'rare' has one sample only"]),
    "counts called log2": ("X = centres +", "X = 100 * centres +", ["units are 'log2'", "as counts have it"]),
    "log2 called counts": ('units="log2"', 'units="counts"', ["no whole numbers"]),
    "an unknown unit": ('units="log2"', 'units="tpm"', ["units 'tpm' are not known", "line"]),
    "a missing file": ("    rng = stream", "    np.loadtxt('nowhere.tsv')\n    rng = stream", ["nowhere.tsv not found", "line"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", DATASET)
def test_a_mistake_in_a_dataset_is_told(tmp_path: Path, mistake: str) -> None:
    name = f"my_data_{next(_numbers)}"
    old, new = (text.replace("{name}", name) for text in DATASET[mistake][:2])
    path = write_scaffold("dataset", name, tmp_path).plugin
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    status, told = run("check", name, "--plugin", str(path))
    assert status != 0
    assert [word for word in DATASET[mistake][2] if word.replace("{name}", name) not in told] == [], told


def test_a_built_in_dataset_can_be_checked() -> None:
    status, told = run("check", "brca")
    assert status == 0, told
    assert "all well" in told
