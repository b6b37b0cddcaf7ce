"""`bench show`: everything that is known of one plugin: what it is, its parameters, source, claim and cost."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.core.errors import PluginError, near_name
from bench.core.formatting import duration, size
from bench.registry.declarations import KINDS, PluginInfo
from bench.registry.finding import FOLDERS, missing_needs, plugins

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.argument("name", shell_complete=options.complete_plugin)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@options.out
@options.plugin
def command(name: str, as_json: bool, out: Path) -> None:
    """Show one generator, attack or metric: parameters, source, and what the rows in --out say it claims and costs."""
    found = [known[name] for kind in KINDS if name in (known := plugins(kind))]
    if not found:
        every = [known for kind in KINDS for known in plugins(kind)]
        raise PluginError(f"there is no plugin {name!r}.{near_name(name, every)} `bench list` shows all of them.")
    facts = [{**declared(info), **_measured(info, out)} for info in found]
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    for one in facts:
        _show(one)


def declared(info: PluginInfo) -> dict[str, Any]:
    """Return what a plugin declares, as JSON takes it."""
    more = {"doi": info.option("doi", ""), "family": info.option("family", "")}
    if info.kind == "attack":
        more |= {"sees": info.option("access", "black-box"), "official": bool(info.option("official", False))}
    if info.kind == "generator":
        more |= {"control": info.is_control}
    return {
        "kind": info.kind,
        "name": info.name,
        "summary": info.summary,
        "parameters": dict(info.params),
        "modalities": list(info.modalities),
        "releases": info.released,
        "measures": [m.name for m in info.measures],
        **{key: value for key, value in more.items() if value != ""},
        "opt_in": bool(info.option("opt_in", False)),
        "quick": info.is_quick,
        "origin": info.origin,
        "source": str(info.path),
        "missing": missing_needs(info),
    }


def _measured(info: PluginInfo, out: Path) -> dict[str, Any]:
    """Return what runs said about it: the claims of a generator, and time and memory by dataset."""
    from bench.store.rows import read_rows  # pandas takes half a second

    measured: dict[str, Any] = {"claims": {}, "cost": {}}
    for path in sorted((out / "rows").glob("*.csv")):
        rows, _ = read_rows(path)
        mine = _rows_of(info, rows[rows["status"] == "ok"])
        if mine.empty:
            continue
        cost = {"wall_s": float(mine["wall_s"].mean()), "peak_mb": float(mine["peak_mb"].max()), "tasks": len(mine)}
        measured["cost"][path.stem] = cost
        claims = rows[(rows["family"] == "claim") & (rows["generator"] == info.name) & rows["value"].notna()]
        if info.kind == "generator" and not claims.empty:
            names = ("value", "delta", "mechanism", "unit", "neighbours", "accountant", "outside")
            first = claims.iloc[0]
            measured["claims"][path.stem] = {"epsilon" if n == "value" else n: _simple(first[n]) for n in names}
    return {key: value for key, value in measured.items() if value}


def _rows_of(info: PluginInfo, rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each task of a plugin."""
    if info.kind == "generator":
        return rows[(rows["generator"] == info.name) & (rows["measure"] == "wall_s")]
    if info.kind == "attack":
        return rows[(rows["attack"] == info.name) & (rows["measure"] == "auc")]
    return rows[rows["measure"].isin([m.name for m in info.measures][:1]) & (rows["attack"] == "")]


def _simple(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _show(facts: dict[str, Any]) -> None:
    lines = [f"{facts['kind']} {facts['name']}", f"  {facts['summary']}"]
    told = {
        "parameters": ", ".join(f"{k}={v!r}" for k, v in facts["parameters"].items()) or "none",
        "serves": ", ".join(facts["modalities"]),
        "releases": facts["releases"] if facts["kind"] == "generator" else "",
        "sees": facts.get("sees", ""),
        "measures": ", ".join(facts["measures"]),
        "only when named": f"yes: `all` leaves it out ({FOLDERS[facts['kind']]})" if facts["opt_in"] else "",
        "described in": f"https://doi.org/{facts['doi']}" if facts.get("doi") else "",
        "source": facts["source"],
        "missing": facts["missing"] or "",
    }
    for dataset, claim in facts.get("claims", {}).items():
        scope = "in part; outside: " + str(claim["outside"]) if claim["outside"] else "end to end"
        told[f"claim on {dataset}"] = f"epsilon {claim['epsilon']:.6g}, delta {claim['delta']:g}, {scope}"
    for dataset, cost in facts.get("cost", {}).items():
        told[f"cost on {dataset}"] = f"{duration(cost['wall_s'])} a task, up to {size(1e6 * cost['peak_mb'])}"
    lines += [f"  {name:<18} {text}" for name, text in told.items() if text]
    sys.stdout.write("\n".join(lines) + "\n")
