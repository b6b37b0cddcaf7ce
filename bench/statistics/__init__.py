"""Statistics of the benchmark: readings of attacks, exposure, comparisons over folds, bounds of epsilon."""
