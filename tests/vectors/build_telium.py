"""Builds the vectors of the Telium wire: `python -m tests.vectors.build_telium` writes tests/vectors/telium/*.json.

pyTeliumManager-2.4.2.json is what that package's encoders made (TeliumAsk.encode, TeliumResponse.encode), with the meaning that
was given to them; counterfoil.json is what ours make. pypostelium-0.0.5.json was recorded once from that package (AGPL, not
installed here): its Driver with a serial port that keeps what is written.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from telium import TeliumAsk, TeliumResponse

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.dialects.telium import codec
from protocol.dialects.telium.framing import encode
from protocol.events import Received
from protocol.messages import RequestState
from protocol.money import Money

FOLDER = Path(__file__).parent / "telium"
REFERENCE = "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
REPORT = "4111111111111111".ljust(55)
"""A published test number."""
NUMERIC = {"EUR": 978, "USD": 840, "CNY": 156}

ASKS: dict[str, tuple[Any, ...]] = {
    "debit 12.50 EUR, long answer, wait": (12.5, "debit", "EUR", "1", True, True, False),
    "debit 99999.99 USD, short answer, wait": (99999.99, "debit", "USD", "42", True, False, False),
    "debit 1.00 CNY, long answer, at once, forced authorisation": (1.0, "debit", "CNY", "99", False, True, True),
    "credit 5.55 EUR": (5.55, "credit", "EUR", "1", True, True, False),
    "refund 5.55 EUR": (5.55, "refund", "EUR", "1", True, True, False),
}
ANSWERS: dict[str, tuple[Any, ...]] = {
    "done, long": ("01", 0, 12.5, "1", REPORT, "978", "0000000000"),
    "not done, long, blank report": ("01", 7, 12.5, "1", " " * 55, "978", " " * 10),
    "not verified, short": ("42", 9, 99999.99, "1", "", "840", " " * 10),
    "done, short, a card application": ("01", 0, 1.0, "U", "", "156", "A1B2C3D4E5"),
}
STATES = {0: "approved", 7: "declined", 9: "in_progress"}
RESULT = m.Result(
    reference=REFERENCE, state=RequestState.APPROVED, amount=Money(12_345, 978), masked_pan="411111******1111"
)
MESSAGES: dict[str, m.Message] = {
    "sale": m.Sale(reference=REFERENCE, amount=Money(12_345, 978), deadline=30_000),
    "sale of the largest amount": m.Sale(reference=REFERENCE, amount=Money(99_999_999, 156), deadline=30_000),
    "result, approved": RESULT,
    "result, declined, no card seen": replace(RESULT, state=RequestState.DECLINED, masked_pan=None),
    "result, taken back": replace(RESULT, state=RequestState.VOIDED),
    "result, in progress": replace(RESULT, state=RequestState.IN_PROGRESS),
    "error": m.Error(code=m.ErrorCode.NOT_NOW),
}


def readable(message: Any) -> dict[str, Any]:
    """What the message says, as JSON has it: amounts by minor units and currency."""
    given = {f.name: getattr(message, f.name) for f in fields(message)}
    shown = {k: [v.minor, v.currency] if isinstance(v, Money) else v for k, v in given.items() if v is not None}
    return {type(message).__name__: shown}


def _minor(amount: float) -> int:
    return int(Decimal(str(amount)) * 100)


def _foreign() -> dict[str, Any]:
    asks = [
        {
            "name": name,
            "hex": TeliumAsk.new_payment(*given).encode().encode("ascii").hex(),
            "call": f"TeliumAsk.new_payment{given}",
            "kind": given[1],
            "amount": [_minor(given[0]), NUMERIC[given[2]]],
        }
        for name, given in ASKS.items()
    ]
    answers = [
        {
            "name": name,
            "hex": TeliumResponse(*given).encode().encode("ascii").hex(),
            "call": f"TeliumResponse{given}",
            "state": STATES[given[1]],
            "amount": [_minor(given[2]), int(given[5])],
            "private": given[6].strip(),
        }
        for name, given in ANSWERS.items()
    ]
    about = "Frames that pyTeliumManager 2.4.2 (MIT) made, the calls that it made them from, and what those mean."
    return {"about": about, "asks": asks, "answers": answers}


def _exchange() -> list[dict[str, str]]:
    """One sale from ENQ to EOT: every byte that the two ends of ours say."""
    agent = Conversation("telium", Role.AGENT, random=bytes, line_rate=9_600)
    terminal = Conversation("telium", Role.TERMINAL, random=bytes, line_rate=9_600)
    said: list[dict[str, str]] = []

    def settle() -> None:
        quiet = False
        while not quiet:
            quiet = True
            for by, end, other in (("agent", agent, terminal), ("terminal", terminal, agent)):
                if data := end.outgoing(0):
                    said.append({"by": by, "hex": data.hex()})
                    other.receive(data, 0)
                    quiet = False

    agent.open(0)
    terminal.open(0)
    agent.tick(0)
    settle()
    agent.request(m.Sale(reference=REFERENCE, amount=Money(12_345, 978), deadline=30_000), 0)
    settle()
    for event in terminal.events():
        if isinstance(event, Received) and isinstance(event.message, m.Sale):
            terminal.send(replace(RESULT, reference=event.message.reference, amount=event.message.amount), 0)
    settle()
    return said


def _ours() -> dict[str, Any]:
    made = [
        {"name": name, "hex": encode(codec.encode(message)).hex(), "message": readable(message)}
        for name, message in MESSAGES.items()
    ]
    about = "Frames of counterfoil's Telium dialect, and a sale from ENQ to EOT (docs/dialects.md)."
    return {"about": about, "messages": made, "exchange": _exchange()}


def build() -> dict[str, str]:
    """File name -> its text."""
    made = {"pyTeliumManager-2.4.2": _foreign(), "counterfoil": _ours()}
    return {f"{name}.json": json.dumps(content, ensure_ascii=False, indent=1) + "\n" for name, content in made.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in build().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
