"""The ROC pictures: strict readings on a logarithmic grid, and a panel for each generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.report.figures.roc import FPR, draw_roc, roc_panels, tpr_on_grid
from bench.statistics.membership import FPR_TARGETS, roc, tpr_at_fpr
from bench.store.rows import table
from bench.store.store import Store


def scored(seed: int, signal: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    member = rng.random(800) < 0.8
    return rng.normal(size=800).round(2) + signal * member, member


def test_the_curve_holds_the_strict_readings() -> None:
    curve = roc(*scored(0, 1.0))
    found = tpr_on_grid({"false": curve.false.tolist(), "true": curve.true.tolist()})
    for name, fpr in FPR_TARGETS.items():
        at = int(np.argmin(abs(FPR - fpr)))
        assert FPR[at] == pytest.approx(fpr)
        assert found[at] == pytest.approx(tpr_at_fpr(curve, fpr, name).value)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").open()


def stored(store: Store, generator: str, attack: str, signal: float) -> dict[str, object]:
    curve = roc(*scored(len(attack), signal))
    key = f"{generator}{attack}".encode().hex()
    store.write(key, {"curve": {"false": curve.false.tolist(), "true": curve.true.tolist()}})
    named = {"dataset": "d", "fold": 1, "seed": 42, "generator": generator, "params": "", "family": "privacy"}
    return {**named, "measure": "auc", "attack": attack, "value": signal, "status": "ok", "reason": "", "key": key}


def drawn(path: Path, store: Store, rows: pd.DataFrame) -> bool:
    draw_roc(path, roc_panels(store, rows, simulated=False), title="t", simulated=False)
    return path.exists()


def width(path: Path) -> int:
    with Image.open(path) as image:
        return image.width


def test_a_picture_has_a_panel_for_each_generator_and_is_drawn_once(tmp_path: Path, store: Store) -> None:
    rows = [stored(store, g, a, 1.0) for g in ("smote", "noise") for a in ("mc", "gan_leaks", "nn_ratio", "dpi")]
    path = tmp_path / "x.png"
    assert drawn(path, store, table(rows))
    when = path.stat().st_mtime_ns
    assert drawn(path, store, table(rows))
    assert path.stat().st_mtime_ns == when
    before = width(path)
    assert drawn(path, store, table([*rows, stored(store, "multivariate", "mc", 3.0)]))
    assert path.stat().st_mtime_ns != when
    assert width(path) > before


def test_rows_without_curves_draw_nothing(tmp_path: Path, store: Store) -> None:
    row = stored(store, "smote", "mc", 1.0) | {"key": "00"}
    assert not drawn(tmp_path / "x.png", store, table([row]))
