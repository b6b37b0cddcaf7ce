"""Imports a user's Python file, as it is now."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType


class _AsItIsNow(SourceFileLoader):
    """Compiles the source each time.

    Python takes a file's cached byte code for current where size and whole second of the last change agree: a digit
    changed within the second in which the file was first imported would never be seen.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_source_file(name: str, path: Path) -> ModuleType:
    """Return the module `name` of this file, imported once in a process; writes no byte code beside the file.

    Raises
    ------
    BaseException
        What importing it raises; it can be tried again then.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path, loader=_AsItIsNow(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
