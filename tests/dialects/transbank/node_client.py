"""transbank-pos-sdk 4.0.0, the vendor's own client for Node; `make peers` fetches it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

MODULES = Path(__file__).parents[3] / "build" / "peers" / "node" / "node_modules"
VERSION = "4.0.0"
SCRIPT = Path(__file__).with_name("client.js")
_PACKAGE = MODULES / "transbank-pos-sdk" / "package.json"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not _PACKAGE.exists(), reason="no Node, or `make peers` has not been run"
)


def version() -> str:
    """Of the client that is here."""
    found: str = json.loads(_PACKAGE.read_text(encoding="utf-8"))["version"]
    return found


def drive(port: str, *steps: list[Any]) -> list[dict[str, Any]]:
    """What the client says to each step, or, for the port `-`, the bytes that it would write."""
    node = shutil.which("node")
    assert node is not None
    environment = {**os.environ, "NODE_PATH": str(MODULES)}
    command = [node, str(SCRIPT), port, json.dumps(steps)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
