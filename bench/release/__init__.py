"""Publishing one release of a whole cohort: its training, what is refused, its certificate, ledger and signature."""
