"""`bench rerun`: the same run again, in a fresh folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bench.core.errors import BenchError
from bench.core.files import sha256
from bench.datasets import load_dataset
from bench.datasets.folds import with_reference
from bench.engine.manifest import differences, notes, read_manifest
from bench.engine.rerun import dataset_of, set_aside, words_of
from bench.store.store import write_atomic

_MARK = "rerun-of.txt"


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="A fresh folder [default: ./rerun-<when the run ended>].")
@click.option("--anyway", is_flag=True, help="Also if data, plugins or versions are no longer the same.")
@click.pass_context
def command(context: click.Context, manifest: Path, out: Path | None, anyway: bool) -> None:
    """Repeat the run of a MANIFEST: <out>/rows/<dataset>.manifest.json, or a file of <out>/store/runs.

    Nothing is taken from the store of that run. What is no longer as it was is said first, with the old and the new
    value; `bench verify` compares the rows afterwards. The same command goes on where a repetition was stopped.
    """
    document = read_manifest(manifest)
    target = (out or Path(f"rerun-{document['record'].partition('-')[0]}")).absolute()
    _compare(document, anyway=anyway)
    words = words_of(document, target)
    _claim(target, manifest)
    if Path(document["folder"]).is_dir():
        os.chdir(document["folder"])  # paths in the command start there
    click.echo(f"repeating into {target}; afterwards: bench verify {manifest.absolute()} --out {target}", err=True)
    sys.argv = ["bench", *words]  # what the new manifest says
    context.find_root().command.main(words, prog_name="bench", standalone_mode=False)


def _compare(document: Mapping[str, Any], *, anyway: bool) -> None:
    """Say what is no longer as it was, and stop there unless the user wants it anyway."""
    dataset, one_in = load_dataset(dataset_of(document)), set_aside(document)
    dataset = with_reference(dataset, one_in) if one_in else dataset
    now = {"digest": dataset.digest, "reference_digest": dataset.reference.digest if dataset.reference else ""}
    for line in notes(document):
        click.echo(f"note: {line}", err=True)
    changed = list(differences(document, now))
    for line in changed:
        click.echo(f"changed: {line}", err=True)
    if changed and not anyway:
        raise BenchError(
            "what makes the numbers is no longer as it was, as said above. Bring it back, or repeat the run all the "
            "same with --anyway."
        )


def _claim(target: Path, manifest: Path) -> None:
    """Check that a folder is fresh, or holds the beginning of this very repetition, and mark it."""
    mark, digest = target / _MARK, sha256(manifest)
    if mark.is_file() and mark.read_text(encoding="utf-8").startswith(digest):
        return
    if target.exists() and any(target.iterdir()):
        raise BenchError(
            f"{target} is not empty; name a fresh folder with --out, so that nothing old is taken for new."
        )
    write_atomic(mark, lambda f: f.write(f"{digest}  {manifest.absolute()}\n".encode()))
