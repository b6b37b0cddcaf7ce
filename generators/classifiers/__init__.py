"""Classifiers as releases, and data sanitised to train them: one file, one of them; the file name is its name."""
