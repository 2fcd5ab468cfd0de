"""What `sim run` says on its standard output while it runs: in words, and as JSON documents, one a line."""

from __future__ import annotations

from typing import Any

from protocol.events import Paired, PairingFailed, PairingShown
from simulator.loop import Finished, News, Ready, Screen
from simulator.player import Turn


def document(news: News) -> dict[str, Any]:
    """JSON-able."""
    found: dict[str, Any]
    match news:
        case Screen(text):
            found = {"screen": text.split("\n")}
        case Ready(link, terminal):
            found = {"link": link, "terminal": terminal}
        case PairingShown(number, peer):
            found = {"pairing": number, "agent": peer.hex()}
        case PairingFailed(reason):
            found = {"pairing_failed": reason}
        case Paired(peer):
            found = {"paired": peer.hex()}
        case Turn(number, entry):
            found = {"turn": number, "label": entry.label, "do": entry.do, **entry.values}
        case Finished():
            found = {"finished": True}
    return found


def text(news: News, *, asked: bool) -> str:
    """For a person. asked: who has to say whether a pairing number is right."""
    match news:
        case Screen(shown):
            told = shown
        case Ready(link, terminal):
            told = f"{terminal} is on {link or 'standard input and output'}."
        case PairingShown(number):
            told = f"Pairing: {number[:3]} {number[3:]}"
            told += "  Type yes if the agent shows the same number, else no." if asked else ""
        case PairingFailed(reason):
            told = f"Not paired: {reason.replace('_', ' ')}.{'  Type pair to allow another.' if asked else ''}"
        case Paired(peer):
            told = f"Paired with the agent {peer.hex()}."
        case Turn(number, entry):
            values = ", ".join(f"{key}={value}" for key, value in entry.values.items())
            told = f"Now the register ({number}): {entry.do} {entry.label}{': ' if values else ''}{values}"
        case Finished():
            told = "The scenario is at its end."
    return told
