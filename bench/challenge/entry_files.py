"""Writes what every entry of the challenge has: the zip file itself, and the environment that its code asks for."""

from __future__ import annotations

import io
import platform
import zipfile
from collections.abc import Mapping
from pathlib import Path

from bench import __version__
from bench.core.plain_yaml import yaml_text
from bench.store.store import write_atomic

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # in every member, so that the same entry gives the same bytes


def write_zip(path: Path, members: Mapping[str, str]) -> None:
    """Write a zip file of texts, by name; the same members give the same bytes, and never half a file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(info, members[name])
    write_atomic(path, lambda file: file.write(packed.getvalue()))


def environment_yaml(name: str) -> str:
    """Return the text of the ``environment.yaml`` in which an entry was made."""
    dependencies = [f"python={platform.python_version()}", "pip", {"pip": [f"omics-bench[all]=={__version__}"]}]
    return yaml_text({"name": name, "channels": ["conda-forge"], "dependencies": dependencies})
