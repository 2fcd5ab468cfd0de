"""The codes of POS Integrado and what they stand for here, as the vendor's published tables have them (docs/dialects.md)."""

from __future__ import annotations

from collections.abc import Mapping

from protocol import messages as m
from protocol.dialects.transbank import wire

STAGES: Mapping[bytes, m.Stage] = {
    b"78": m.Stage.PRESENT_CARD,
    b"79": m.Stage.CONFIRM_AMOUNT,
    b"80": m.Stage.CHOOSE,
    b"81": m.Stage.PIN,
    b"82": m.Stage.HOST,
    b"83": m.Stage.CHOOSE,
    b"84": m.Stage.PRESENT_CARD,
    b"85": m.Stage.CHOOSE,
    b"86": m.Stage.CHOOSE,
    b"87": m.Stage.CONFIRM_AMOUNT,
}
STATUS_OF = {stage: code for code, stage in reversed(list(STAGES.items()))}
"""The first code of each stage; REMOVE_CARD and PRESENT_CODE have none."""

SCHEMES: Mapping[bytes, str] = {
    b"VI": "VISA",
    b"MC": "MASTERCARD",
    b"CA": "CABAL",
    b"CR": "CREDENCIAL",
    b"AX": "AMEX",
    b"CE": "CERRADA",
    b"DC": "DINERS",
    b"TP": "PRESTO",
    b"MG": "MAGNA",
    b"TM": "MAS",
    b"RP": "RIPLEY",
    b"EX": "EXTRA",
    b"TC": "CMR",
    b"DB": "REDCOMPRA",
}
SCHEME_OF = {name: code for code, name in SCHEMES.items()}
PRODUCTS = {b"CR": m.Product.CREDIT, b"DB": m.Product.DEBIT}
CARD_TYPE_OF = {m.Product.CREDIT: b"CR", m.Product.FOREIGN_CARD: b"CR", m.Product.DEBIT: b"DB"}
RESPONSE_OF = {
    m.RequestState.APPROVED: wire.APPROVED,
    m.RequestState.DECLINED: wire.DECLINED,
    m.RequestState.VOIDED: wire.CANCELLED,
    m.RequestState.NOT_FOUND: wire.NO_SALE,
}
DECLINED_FOR = {"17": wire.CANCELLED, "25": wire.NOTHING_TO_VOID, "91": b"02"}
"""ISO 8583 response code of a terminal of ours -> what POS Integrado says: cancelled at the terminal, nothing to void, no
answer from the host. Any other is `01`: the vendor tells a register no more than that."""
