"""Publishes a finished run: its record in the store, the merged rows, the pictures and the leaderboard."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from bench.engine import records
from bench.engine.manifest import manifest_of
from bench.engine.releases import given_keys, planned_releases
from bench.execution.runner import Outcome
from bench.execution.session import Session
from bench.registry.sources import remember
from bench.report.leaderboard import write_leaderboard


def publish(session: Session, outcome: Outcome) -> tuple[Path, Path]:
    """Record a finished run, and write rows, leaderboard and the pictures that were asked for; return the first two."""
    request, scope = session.request, session.scope
    dataset, store, out = scope.dataset, scope.store, request.out
    facts = records.about(dataset, request.limits.threads)
    facts |= {"command": request.command} if request.command else {}
    facts["attacks_left_out"] = session.left_out
    facts |= {"notes": request.notes} if request.notes else {}
    facts |= {"given": given} if (given := given_keys(session.plan)) else {}
    document = manifest_of(scope, session.plan, outcome.rows, asdict(request.limits), request.command)
    records.keep(store, dataset, outcome.rows, facts, document)
    rows = records.publish(store, dataset.slug, out)
    records.write_manifest(rows, document)
    remember()  # the manifest names the engine's own sources
    if request.pictures:
        from bench.report.figures.close_ups import draw_all  # late: plotting and statistics libraries take a second

        draw_all(rows, dataset, store, planned_releases(scope, session.plan), umap=False)
    return rows, write_leaderboard(rows)
