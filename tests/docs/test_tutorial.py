"""The tutorial notebook runs from top to bottom, and shows what it says it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


@pytest.mark.full
@pytest.mark.filterwarnings("default")  # of the notebook's machinery, which is not ours
def test_the_tutorial_runs_and_shows_tables_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("BENCH_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(ROOT / "docs/tutorial.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output["data"] for output in outputs if "data" in output]
    assert sum("image/png" in data for data in shown) == 3
    html = " ".join(data["text/html"] for data in shown if "text/html" in data)
    assert "SIMULATED DATA: no number is about real people." in html
    for word in ("multivariate", "jitter[scale=0.2]", "mahalanobis_ratio", "accuracy_synthetic"):
        assert word in html
    said = " ".join(output["text"] for output in outputs if output.output_type == "stream")
    assert "tasks computed, 0 from the store, 0 lost" in said
    assert "0 lost" in said.rpartition("tasks computed")[2]
    assert (tmp_path / "tutorial-results/leaderboard/small-simulated.md").exists()


def test_the_tutorial_is_kept_without_outputs() -> None:
    notebook = nbformat.read(ROOT / "docs/tutorial.ipynb", as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
