"""Which tests need which foreign client; `make peers` fetches them."""

from __future__ import annotations

from collections.abc import Mapping

NEEDS: Mapping[str, tuple[str, ...]] = {
    "telium": ("telium/test_agent.py", "telium/test_register.py", "telium/test_vectors.py"),
    "transbank": ("transbank/test_python_client.py", "transbank/test_vectors.py"),
}
"""Package → test modules in this folder."""
