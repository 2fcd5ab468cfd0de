"""What a forger may do to a proof, a head, a folder; and by what each verifier must refuse it."""

from __future__ import annotations

from tests.strangers import folder_tampers, proof_tampers
from tests.strangers.tampering import TAMPERS, Tamper

__all__ = ["TAMPERS", "Tamper", "folder_tampers", "proof_tampers"]
