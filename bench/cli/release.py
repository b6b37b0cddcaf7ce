"""`bench choose` and `bench release`: which generator meets what a release needs, and a release made with it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.options import console
from bench.core.errors import BenchError
from bench.core.files import replacing
from bench.core.formatting import counted
from bench.datasets import load_dataset
from bench.datasets.folds import N_FOLDS
from bench.registry.selection import choose as choose_plugins
from bench.release.choice import (
    EPSILON,
    EXPOSURE,
    IN_PART,
    Candidate,
    Constraint,
    Verdict,
    candidates,
    reasons,
    ties,
    with_smaller_epsilon,
)
from bench.release.ledger import Ledger, Spent
from bench.release.pasting import files_of_run, quoted, with_files
from bench.release.signature import default_key, problems_of

if TYPE_CHECKING:
    import pandas as pd

_HEADS: dict[Verdict, tuple[str, str]] = {  # of one generator, of several
    "met": ("meets everything, as far as was measured", "meet everything, as far as was measured"),
    "open": ("cannot be told on these folds", "cannot be told on these folds"),
    "broken": ("is out", "are out"),
}

_UNFINISHED = "begun and never ended; its epsilon is spent all the same"


class _Group(click.Group):
    """A command that has sub-commands: options alone make a release."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            if not args[0].startswith("-"):
                raise BenchError(
                    f"`bench release` has no command {args[0]!r}; expected {', '.join(sorted(self.commands))}, as in "
                    f"`bench release verify {args[0]}`, or options alone, which make a release."
                )
            args = ["make", *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, "make" if name.startswith("-") else name)


@click.group("release", cls=_Group, no_args_is_help=True)
def command() -> None:
    """Make a release of a whole cohort for publication: `bench release --dataset D --generator G --out FOLDER`.

    `bench release make --help` lists the options; the word `make` may be left out.
    """


@command.command("make")
@click.option("--dataset", required=True, help="The cohort; the generator is trained on all of it.")
@click.option("--generator", required=True, help='One, with its parameters: "private_pgm[epsilon=4]".')
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the release; it must not exist.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
              help="Folder of `bench run`, whose attacks on this configuration go into the certificate.")  # fmt: skip
@click.option("--formats", default="", help="csv, tsv, parquet, h5ad; vcf.gz, vcf, bcf; npz [default: the first].")
@click.option("--rows", type=click.IntRange(1), help="How many [default: as many as people].")
@click.option("--class-rates", default="", metavar="CLASS=SHARE,...",
              help='Share of the rows of each class: "LumA=0.5,Basal=0.5", or equal [default: as made].')  # fmt: skip
@click.option("--hold-out", type=click.FloatRange(0, 0.5), default=0.0, show_default=True,
              help="Share of people kept out of the training, to attack this very release.")  # fmt: skip
@click.option("--attacks", default="all", show_default=True, help="On this very release, where somebody is held out.")
@click.option("--budget", type=click.FloatRange(min=0, min_open=True),
              help="Epsilon that all releases of this cohort may spend together [default: no limit].")  # fmt: skip
@click.option("--unbenchmarked", is_flag=True, help="Release what nobody attacked on this cohort; every file says so.")
@click.option("--seed", type=int, help="A known seed; only with --not-for-publication.")
@click.option("--not-for-publication", is_flag=True, help="For tests and teaching; every file says so.")
@click.option("--ledger", type=click.Path(path_type=Path), help="File of the ledger [default: in the data home].")
@click.option("--key", type=click.Path(path_type=Path), help="Private key (PEM); made on first use.")
@click.option("--exposure", type=click.FloatRange(0.5, 1), default=0.75, show_default=True,
              help="Refuse if the strongest attack surely exceeds this AUC.")  # fmt: skip
@click.option("--least", type=click.IntRange(1), default=100, show_default=True, help="People there must be.")
@click.option("--duo", "source_terms", default="", help="DUO code of the source's use conditions: DUO:0000042.")
@options.limits
@options.device
@options.plugin
def make(
    dataset: str,
    generator: str,
    not_for_publication: bool,
    seed: int | None,
    attacks: str,
    class_rates: str,
    **others: Any,
) -> None:
    """Train once on all people, with a secret seed, and write data, certificate and card into a new folder.

    Refused, with the reason and the way out: a configuration that was never attacked, a refuted claim, an exhausted
    budget, rows that are people or nearly so, features that end in people's values, too few people.
    """
    from bench.release.class_rates import read_rates
    from bench.release.make import Request, make_release  # scikit-learn takes a second

    if (seed is not None) != not_for_publication:
        raise BenchError(
            "a release whose seed is known can be taken back to the people: --seed and --not-for-publication go "
            "together. Leave both out for a release that is published."
        )
    choices = choose_plugins("generator", generator)
    if len(choices) != 1:
        raise BenchError(f"--generator {generator!r} names {len(choices)} generators; expected one.")
    data, measured_by = load_dataset(dataset).same_in_all_folds(), choose_plugins("attack", attacks)
    rates = read_rates(class_rates, list(map(str, data.cohort.classes)))
    request = Request(dataset=data, choice=choices[0], seed=seed, attacks=measured_by, class_rates=rates, **others)
    key = request.key or default_key()
    is_new = not key.exists()
    with console.status("checking") as status:
        folder = make_release(request, lambda text: status.update(text))
    for path in sorted(folder.iterdir()):
        click.echo(f"{path}  {path.stat().st_size:,} bytes")
    book = Ledger.of(data.digest, request.ledger)
    click.echo(f"ledger   {book.path}: {_in_words(book.spent())}")
    click.echo(f"key      {key}{', made just now' if is_new else ''}: with the ledger, keep it where the data are kept")
    click.echo(f"Next: bench release verify {folder}")


@command.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path, exists=True), help="The public key it must be signed with.")
def verify(folder: Path, key: Path | None) -> None:
    """Check the signature and every file of a release, without a network; exit status 1 if something is wrong."""
    problems = list(problems_of(folder, key))
    for problem in problems:
        click.echo(f"{folder}: {problem}")
    if not problems:
        click.echo(f"{folder}: signature and files are right")
    sys.exit(1 if problems else 0)


@command.command("predict")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("people", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where the answers go [default: printed].")
@options.plugin
def predict(folder: Path, people: Path, out: Path | None) -> None:
    """Ask the released classifier of a FOLDER about PEOPLE: a CSV or TSV file, names first, a column for each feature.

    Values are in the units that the certificate names. The answer is a table: name, most probable class, and the
    probability of each class.
    """
    import pandas as pd  # half a second

    from bench.release.models import answers, load_model

    model = load_model(folder)
    try:
        separator = "\t" if people.suffix.lower() in (".tsv", ".txt") else ","
        asked = pd.read_csv(people, sep=separator, dtype=str)
    except (OSError, ValueError) as error:
        raise BenchError(f"{people} cannot be read: {error}. Expected a CSV or TSV file, a person in a row.") from error
    table = answers(model, asked)
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    if out is None:
        click.echo(text, nl=False)
    else:
        with replacing(out) as temporary:
            temporary.write_text(text, encoding="utf-8")


@command.command("ledger")
@click.option("--dataset", required=True, help="The cohort.")
@click.option(
    "--ledger", "path", type=click.Path(path_type=Path), help="File of the ledger [default: in the data home]."
)
def ledger(dataset: str, path: Path | None) -> None:
    """Show every release of a cohort, and what all of them spent together."""
    book = Ledger.of(load_dataset(dataset).digest, path)
    if path is not None:
        book.must_exist()
    releases = _by_release(book.lines())
    click.echo(f"{book.path}")
    for identity, lines in releases.items():
        known = {name: value for line in lines for name, value in line.items() if value is not None}
        claim, event = known.get("claim"), known["event"]
        became = _UNFINISHED if event in ("begun", "trained") else event
        if event == "failed":
            became += (
                "; its epsilon is spent all the same" if known["spent"] else ", whoever is in it; nothing is spent"
            )
        spent = f"epsilon {claim['epsilon']:g}" if claim else ""
        words = [lines[0]["time"], identity, known.get("generator", ""), spent, became, known.get("folder", "")]
        click.echo("  ".join(filter(None, words)))
    click.echo(_in_words(book.spent()))


def _by_release(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the lines of a ledger by release, oldest first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        found.setdefault(line["release"], []).append(line)
    return found


def _in_words(spent: Spent) -> str:
    total = f"{counted(spent.releases, 'release')}: epsilon {spent.epsilon:g}, delta {spent.delta:g} together (sums)"
    if spent.unbounded:
        claims, them = ("claims", "it") if spent.unbounded == 1 else ("claim", "them")
        total += f"; {spent.unbounded} {claims} nothing, so that no epsilon bounds {them}"
    return total


# -- choose ----------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--dataset", required=True, help="Named as its rows file: brca-simulated.")
@click.option(
    "--epsilon", type=click.FloatRange(min=0, min_open=True), help="The largest epsilon of a claim, end to end."
)
@click.option("--in-part", is_flag=True, help="Let a claim count that leaves steps outside its budget; they are named.")
@click.option("--exposure", type=click.FloatRange(0.5, 1), help="The largest AUC of the strongest attack.")
@click.option("--balanced-accuracy", type=click.FloatRange(0, 1), help="The smallest mean recall over classes.")
@click.option("--worst-class-recall", type=click.FloatRange(0, 1), help="The smallest recall of the worst class.")
@click.option(
    "--at-least", multiple=True, metavar="MEASURE=VALUE", help="A limit on any measure in the rows; may be repeated."
)
@click.option("--at-most", multiple=True, metavar="MEASURE=VALUE", help="Likewise.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@options.out
@options.plugin
def choose(
    dataset: str,
    epsilon: float | None,
    in_part: bool,
    exposure: float | None,
    balanced_accuracy: float | None,
    worst_class_recall: float | None,
    at_least: tuple[str, ...],
    at_most: tuple[str, ...],
    as_json: bool,
    out: Path,
) -> None:
    """Say which generators meet what a release needs, by the rows of `bench run`, and what removed the others.

    Every constraint is decided by an interval; what the folds cannot tell is said. Exit status 1 if no generator
    meets everything.
    """
    from bench.report.leaderboard import rows_files
    from bench.store.rows import read_rows  # pandas takes half a second

    if in_part and epsilon is None:
        raise BenchError("--in-part says how --epsilon is read; give --epsilon too.")
    named = [
        (IN_PART if in_part else EPSILON, epsilon, False),
        (EXPOSURE, exposure, False),
        ("balanced_accuracy_synthetic", balanced_accuracy, True),
        ("worst_class_recall_synthetic", worst_class_recall, True),
    ]
    constraints = [Constraint(name, limit, least) for name, limit, least in named if limit is not None]
    constraints += [_read(text, at_least=True) for text in at_least] + [_read(text, at_least=False) for text in at_most]
    path = rows_files(out, (dataset,))[0]
    rows, about = read_rows(path)
    found = candidates(rows, constraints)
    if as_json:
        click.echo(json.dumps([_plain(candidate) for candidate in found], indent=1))
    else:
        place = f"{quoted(out)}{with_files([*options.plugin_files(), *files_of_run(path)])}"
        _show(found, rows, about["data"], place)
    sys.exit(0 if any(candidate.verdict == "met" for candidate in found) else 1)


def _read(text: str, *, at_least: bool) -> Constraint:
    name, _, number = text.partition("=")
    try:
        limit = float(number)
        if not math.isfinite(limit):
            raise ValueError(number)
        return Constraint(name.strip(), limit, at_least)
    except ValueError as error:
        raise BenchError(f"{text!r} is no limit; expected MEASURE=VALUE, such as mmd=0.004.") from error


def _show(found: list[Candidate], rows: pd.DataFrame, data: Mapping[str, Any], place: str) -> None:
    if data["simulated"]:
        click.echo("SIMULATED: the rows are about simulated people.\n")
    met = [candidate for candidate in found if candidate.verdict == "met"]
    if not met:
        click.echo(f"None of {counted(len(found), 'generator')} is known to meet everything.\n")
    for verdict, heads in _HEADS.items():
        mine = [candidate for candidate in found if candidate.verdict == verdict]
        for line in ([f"{len(mine)} {heads[len(mine) > 1]}:"] if mine else []) + [x for c in mine for x in _told(c)]:
            click.echo(line)
    further = list(ties(rows, met)) if met else list(_ways_out(found, data["name"], place))
    if met and not data["simulated"]:
        further.append(_next(met, data["name"], place))
    for line in further:
        click.echo(f"\n{line}")


def _told(candidate: Candidate) -> Iterator[str]:
    """Yield what is said of one generator, line by line."""
    yield f"  {candidate.label}"
    for line in map(str, candidate.findings) if candidate.verdict == "met" else reasons(candidate):
        yield f"    {line}"
    if candidate.cost and candidate.verdict != "broken":
        yield f"    {candidate.cost}"


def _next(met: Sequence[Candidate], dataset: str, place: str) -> str:
    """Return the commands that release what meets everything.

    Parameters
    ----------
    place : the folder of the results, and the options that name files of the user's own
    """
    lines = [f"Go on with {'it' if len(met) == 1 else 'one of them'}:"]
    for candidate in met:
        what = f'--dataset {dataset} --generator "{candidate.label}" --results {place} --out release'
        lines.append(f"  bench release {what}")
    lines.append("With --hold-out 0.1 one person in ten is kept out, and attacks are tried on that very release.")
    return "\n".join(lines)


def _ways_out(found: Sequence[Candidate], dataset: str, place: str) -> Iterator[str]:
    """Yield what can be done where no generator is known to meet everything."""
    findings = [finding for candidate in found for finding in candidate.findings]
    in_part = any(finding.constraint.measure == EPSILON and "outside" in finding.note for finding in findings)
    if in_part:
        yield "Claims that leave steps outside their budget count with --in-part."
    command = f"bench run --dataset {dataset} --out {place} --generators"
    tried = {candidate.label for candidate in found}
    if smaller := [label for label in with_smaller_epsilon(found) if label not in tried]:
        yield f'A smaller epsilon can be asked for:\n  {command} "{",".join(smaller)}"'
    if unsure := [candidate for candidate in found if candidate.verdict == "open"]:
        folds = [finding.folds for candidate in unsure for finding in candidate.findings if finding.verdict == "open"]
        more, option = ("folds", "") if min(folds) < N_FOLDS else ("seeds", " --seeds 42,43")
        labels = ",".join(candidate.label for candidate in unsure)
        yield f'More {more} narrow the intervals:\n  {command} "{labels}"{option}'
    if not (in_part or smaller or unsure):
        yield "Run other generators (`bench list generators`), or ask for less: the lines above say what removed each."


def _plain(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate as JSON takes it."""
    findings = [
        {
            "constraint": str(finding.constraint),
            **{name: _number(getattr(finding, name)) for name in ("value", "low", "high")},
            "verdict": finding.verdict,
            "note": finding.note.rstrip(","),
            "folds": finding.folds,
        }
        for finding in candidate.findings
    ]
    cost = {name: _number(getattr(candidate, name)) for name in ("seconds", "peak_mb")}
    return {"generator": candidate.label, "verdict": candidate.verdict, "findings": findings, "cost": cost}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
