"""Releases made elsewhere: reading their files, genes, units and labels, and planning how they are scored."""
