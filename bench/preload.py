"""Imports what nearly every task needs, in the process that task processes are forked from."""

import sklearn.decomposition
import sklearn.linear_model
import sklearn.metrics
import sklearn.neighbors  # noqa: F401
