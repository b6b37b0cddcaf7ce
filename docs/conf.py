"""The documentation site: `tox -e docs` builds it, and a test builds it with every warning an error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # for reference.py beside this file

import reference

from bench import __version__

project = "omics-bench"
author = "the omics-bench maintainers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"omics-bench {__version__}"
html_show_copyright = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give shapes and units, which types do not
napoleon_use_param = False  # "(n_samples, n_genes) float32" is a shape to read: its words are no references to look up


def setup(app: Any) -> None:
    """Write the pages that the code gives, before anything is read."""
    app.connect("builder-inited", lambda app: reference.write(Path(app.srcdir) / "reference"))
