"""Generators that serve images alone."""
