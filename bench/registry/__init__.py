"""Plugins: what they declare, how they are found, made and selected, and the digests of their code.

What the tests of a third party import is here; the modules say the rest.
"""

from bench.registry.declarations import Kind, PluginInfo
from bench.registry.finding import add_plugin_file, create, find, plugins

__all__ = ["Kind", "PluginInfo", "add_plugin_file", "create", "find", "plugins"]
