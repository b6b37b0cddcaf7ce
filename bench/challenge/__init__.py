"""Entries of the challenge: blue teams, red teams and rounds. Nothing in an entry is ever run, but by one command."""
