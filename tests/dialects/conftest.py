"""The foreign clients are not among the ordinary development packages: without one, the tests that talk to it are left out."""

from __future__ import annotations

from importlib.util import find_spec

from tests.dialects.peers import NEEDS

collect_ignore = [path for package, paths in NEEDS.items() if find_spec(package) is None for path in paths]
