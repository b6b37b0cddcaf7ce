"""The examples in docs/ work: a package is built, installed and run through its entry points, files are read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.conformance.plugins import check_plugin
from bench.registry.finding import add_plugin_file, missing_needs

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
PACKAGE = EXAMPLES / "bench-example-plugins"


def call(*words: str, site: Path, cwd: Path, status: int = 0) -> str:
    """Run Python with a folder of installed packages, in an empty folder, and return what it prints."""
    path = [str(site), str(Path(bench.__file__).parent.parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "COLUMNS": "200"}
    ended = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, built as a wheel and installed into a folder of its own; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    pip = ["-m", "pip", "--disable-pip-version-check", "-q"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    call(*pip, "wheel", *offline, "-w", str(folder), str(folder / "source"), site=folder, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    call(*pip, "install", *offline, "--target", str(folder / "site"), str(wheel), site=folder, cwd=folder)
    return folder / "site"


@pytest.mark.full
def test_the_package_is_listed_by_its_entry_points(site: Path, tmp_path: Path) -> None:
    listed = call("-m", "bench", "list", site=site, cwd=tmp_path)
    for name in ("jitter", "nearest_gene", "gene_order"):
        assert re.search(rf"^{name} ", listed, flags=re.MULTILINE), listed
    assert listed.count("from bench-example-plugins") == 3
    assert "two_tissues" in call("-m", "bench", "data", "list", site=site, cwd=tmp_path)


@pytest.mark.full
def test_every_command_of_its_readme_works_once_it_is_installed(site: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"```bash\n(.*?)```", (PACKAGE / "README.md").read_text(), flags=re.DOTALL)
    install, *commands = block.splitlines()
    assert install == "pip install docs/examples/bench-example-plugins"
    for line in commands:
        program, *words = line.split()
        assert program == "bench"
        call("-m", "bench", *words, site=site, cwd=tmp_path)
    rows = pd.read_csv(tmp_path / "results/rows/two_tissues-simulated.csv", keep_default_na=False, dtype={"key": str})
    assert set(rows["status"]) == {"ok"}
    assert set(rows["generator"]) == {"jitter", "multivariate"}
    assert {"gene_order_spearman", "auc"} <= set(rows["measure"])
    assert {"nearest_gene", "gan_leaks"} <= set(rows["attack"])
    found = rows[(rows["measure"] == "auc") & (rows["generator"] == "jitter")].astype({"value": float})
    assert found.groupby("attack")["value"].mean()["nearest_gene"] > 0.7  # it leaks on purpose


@pytest.mark.full
def test_its_own_tests_pass(site: Path, tmp_path: Path) -> None:
    words = [
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(PACKAGE),
        str(PACKAGE / "tests"),
    ]
    assert "7 passed" in call(*words, site=site, cwd=tmp_path)


def test_a_file_of_the_name_of_an_installed_plugin_is_refused(site: Path, tmp_path: Path) -> None:
    (tmp_path / "jitter.py").write_text((PACKAGE / "src/bench_example_plugins/jitter.py").read_text())
    words = ["-m", "bench", "check", "jitter", "--plugin", "jitter.py"]
    assert "generator 'jitter' comes from bench-example-plugins and from" in call(
        *words, site=site, cwd=tmp_path, status=2
    )


def test_a_package_that_announces_what_it_does_not_hold_is_named(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    (broken / "bench_example_plugins/jitter.py").unlink()
    told = call("-m", "bench", "list", "generators", site=broken, cwd=tmp_path, status=2)
    assert "the package 'bench-example-plugins' announces generator 'jitter', but has no module" in told


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.toml")), ids=lambda path: path.parent.name)
def test_an_example_of_commands_can_be_read_and_names_only_files_that_are_there(path: Path) -> None:
    if path.name == "pyproject.toml":
        return
    info = add_plugin_file(path)
    text = path.read_text()
    scripts = re.findall(r'"(\w+\.(?:R|py))"', text)
    assert len(scripts) == 2
    assert all((path.parent / script).is_file() for script in scripts)
    assert info.summary


def test_the_example_in_r_keeps_the_contract_where_r_is_and_says_what_is_missing_where_it_is_not() -> None:
    info = add_plugin_file(EXAMPLES / "r_method/r_method.toml")
    if shutil.which("Rscript"):
        assert [finding for finding in check_plugin(info) if finding.problem] == []
    else:
        assert "there is no program 'Rscript'" in str(missing_needs(info))
