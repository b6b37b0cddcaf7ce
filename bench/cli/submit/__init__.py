"""`bench submit`: entries of the challenge; the commands of blue teams are in `blue`, those of red teams in `red`."""

from bench.cli.submit.blue import submit_group

__all__ = ["submit_group"]
