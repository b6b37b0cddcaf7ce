"""The values that travel between the parts of the harness, and what is below every other part: seeds, errors, files."""
