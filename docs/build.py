"""Fills the generated blocks of docs/*.md from the code: `python docs/build.py`; with `--check` it changes nothing and fails
where a page is behind.

A block stands between `<!-- generated: NAME -->` and `<!-- end -->`. A new one is one function and one row of BLOCKS.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping
from inspect import getdoc
from pathlib import Path
from typing import Any, get_args

from agent import money
from agent.fees.audit import thresholds
from agent.fees.claims.claim_states import claim_states
from agent.fees.claims.letter import rule_name
from agent.fees.findings import Rule
from agent.journal.kinds_page import kinds_table
from agent.refunds import case
from agent.views_schema import views_table
from protocol import conversation, messages
from protocol.dialects.native import arq, exchange, fragments, framing, link, link_states, pairing, wire
from protocol.dialects.native.records import Field
from protocol.dialects.telium import framing as telium_framing
from protocol.dialects.telium import link_states as telium_link_states
from protocol.dialects.telium import timing
from protocol.dialects.transbank import link_states as transbank_link_states
from simulator import scenario_page, terminal
from simulator.scenario_page import table as _table
from tests import requirements

DOCS = Path(__file__).parent
VECTORS = DOCS.parent / "tests" / "vectors" / "native"
_BLOCK = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _vector(name: str) -> Any:
    return json.loads((VECTORS / f"counterfoil-v1-{name}.json").read_text(encoding="utf-8"))


def _hex_block(raw: str, width: int = 64) -> str:
    return "\n".join(raw[i : i + width] for i in range(0, len(raw), width))


def _fields(fields: tuple[Field, ...]) -> str:
    rows = [
        (
            f"`{field.tag:04x}`",
            "critical" if field.tag & wire.CRITICAL else "",
            f"`{field.name}`",
            field.value.name,
            "" if field.required else "optional",
        )
        for field in fields
    ]
    return _table(("tag", "", "field", "value", ""), *rows) if rows else "No fields.\n"


def _about(of: type[Any]) -> str:
    """The docstring whole; nothing where a dataclass has none of its own."""
    doc = getdoc(of) or ""
    return "" if doc.startswith(f"{of.__name__}(") else doc


def _direction(of: type[Any]) -> str:
    if of in get_args(messages.UnsolicitedEvent):
        return "event"
    return "agent → terminal" if of in get_args(messages.Request) or of.__name__ in {"EventAck", "Confirm"} else "reply"


def native_messages() -> str:
    """A list of all, then one byte table a message, in the order of their codes; records after the first that has them."""
    layouts = sorted(wire.LAYOUTS, key=lambda layout: layout.code)
    rows = []
    for layout in layouts:
        answers = [answer.__name__ for answer in exchange.REPLIES.get(layout.message, ())]
        if layout.message in get_args(messages.MoneyRequest):
            answers.insert(0, "Progress*")
        rows.append((f"`{layout.code:04x}`", layout.message.__name__, _direction(layout.message), ", ".join(answers)))
    parts = [_table(("type", "message", "who says it", "answered by"), *rows)]
    shown = set()
    for layout in layouts:
        parts.append(
            f"### `{layout.code:04x}` {layout.message.__name__}\n\n{_about(layout.message)}\n\n{_fields(layout.fields)}"
        )
        for value in (field.value for field in layout.fields if field.value.fields):
            name = value.name.split()[-1]
            if name not in shown:
                shown.add(name)
                about = _about(getattr(messages, name))
                parts.append(f"A record **{name}**: {about}\n\n{_fields(value.fields)}".replace(": \n", ":\n"))
    return "\n".join(parts).replace("\n\n\n\n", "\n\n")


def _meaning(name: str, of: Any) -> str:
    """A field of a vector's message as the page shows it."""
    found = next(iter(of.values())).get(name)
    if isinstance(found, dict) and "minor" in found:
        return f"{found['minor']} of currency {found['currency']}"
    return f"{found}"


def _annotated(vector: Any) -> str:
    """The message's bytes, one field a line, with what each says."""
    raw = bytes.fromhex(vector["hex"])
    names = {field.tag: field.name for field in wire.BY_TYPE[int.from_bytes(raw[:2])].fields}
    lines, at = [(raw[:2].hex(), next(iter(vector["message"])))], 2
    while at < len(raw):
        tag, length = int.from_bytes(raw[at : at + 2]), int.from_bytes(raw[at + 2 : at + 4])
        value = raw[at + 4 : at + 4 + length].hex()
        lines.append((f"{tag:04x} {length:04x} {value}", f"{names[tag]} = {_meaning(names[tag], vector['message'])}"))
        at += 4 + length
    return "\n".join(f"{bytes_:<44}  {meaning}" for bytes_, meaning in lines)


def native_exchanges() -> str:
    named = {vector["name"]: vector for vector in _vector("messages")["messages"]}
    parts = []
    for title, names in (
        ("A sale", ("sale asked for", "progress", "result, approved", "confirm")),
        ("What became of it?", ("status", "status, approved")),
        ("Nothing, and nothing ever will", ("status with fence", "status, not found and fenced")),
    ):
        parts.append(f"{title}:\n")
        for name in names:
            agent = _direction(getattr(messages, next(iter(named[name]["message"])))) != "reply"
            way = "agent → terminal" if agent else "terminal → agent"
            parts.append(f"{way}, {name}\n\n```\n{_annotated(named[name])}\n```\n")
    return "\n".join(parts)


def native_hello() -> str:
    return f"Type `{wire.HELLO_FIELDS.code:04x}`:\n\n{_fields(wire.HELLO_FIELDS.fields)}"


def native_limits() -> str:
    rows: tuple[tuple[object, ...], ...] = (
        ("`framing.MAX_BODY`", framing.MAX_BODY, "bytes of a frame's body: a fragment"),
        ("`framing.SMALLEST`", framing.SMALLEST, "bytes of a frame without a body, before stuffing"),
        ("`framing.LARGEST`", framing.LARGEST, "bytes of the largest frame, before stuffing"),
        ("`framing.LARGEST_STUFFED`", framing.LARGEST_STUFFED, "bytes that a receiver keeps of a run without 00"),
        ("`fragments.MAX_MESSAGE`", fragments.MAX_MESSAGE, "bytes of a message"),
        ("`arq.ACK_MARGIN_MS`", arq.ACK_MARGIN_MS, "ms in T_ack that are nobody's line time"),
        ("`arq.ACK_FRAME_BYTES`", arq.ACK_FRAME_BYTES, "bytes of an ACK on the line"),
        ("`arq.BITS_PER_BYTE`", arq.BITS_PER_BYTE, "bits of a byte on the line (8N1)"),
        ("`arq.TRIES`", arq.TRIES, "times that a data frame is sent, each wait twice the last"),
        ("`pairing.AGAIN_MS`", pairing.AGAIN_MS, "ms, then the agent says its last word of a pairing again"),
        ("`pairing.SILENT_MS`", pairing.SILENT_MS, "ms in which a pairing gets no further, then it has failed"),
        ("`pairing.COMPARE_MS`", pairing.COMPARE_MS, "ms that a number is shown, and that a terminal takes part"),
        ("`pairing.ATTEMPTS`", pairing.ATTEMPTS, "attempts that a terminal allows a person's word"),
        ("`link.IDLE_MS`", link.IDLE_MS, "ms without a valid frame, then PING; and between two PINGs"),
        ("`link.UNANSWERED_PINGS`", link.UNANSWERED_PINGS, "unanswered PINGs, then the session ends"),
        ("`link.HELLO_EVERY_MS`", link.HELLO_EVERY_MS, "ms between two HELLOs"),
        ("`link.NO_SESSION_EVERY_MS`", link.NO_SESSION_EVERY_MS, "ms at least between two NO_SESSIONs"),
        ("`link.LAST_COUNTER`", f"{link.LAST_COUNTER:#010x}", "a counter above it ends the session for a new one"),
        ("`link.SUSPICIOUS_DAMAGE`", link.SUSPICIOUS_DAMAGE, "damaged frames and no good one: line settings?"),
        (
            "`conversation.HOST_MS`",
            conversation.HOST_MS,
            "ms more, where the terminal asks its host; after a money request's deadline",
        ),
        (
            "`conversation.PROGRESS_MS`",
            conversation.PROGRESS_MS,
            "ms more at most, however often a terminal says PROGRESS",
        ),
        ("`conversation.REPLY_MS`", conversation.REPLY_MS, "ms without a reply, then the request has failed"),
        ("`simulator.terminal.MAX_EVENTS`", terminal.MAX_EVENTS, "events beyond the last EVENT_ACK"),
        ("`simulator.terminal.MAX_BYTES`", terminal.MAX_BYTES, "bytes of events beyond the last EVENT_ACK"),
    )
    return _table(("constant", "value", "what"), *rows)


def native_states() -> str:
    return f"```mermaid\n{link_states.TABLE.mermaid()}```\n"


def native_sizes() -> str:
    rows = []
    for vector in _vector("messages")["messages"]:
        if "TerminalHello" in vector["message"] or "skipped" in vector["name"]:
            continue
        size = len(vector["hex"]) // 2
        bodies = [min(framing.MAX_BODY, size - at) for at in range(0, size, framing.MAX_BODY)]
        line = sum(
            len(framing.encode(framing.Frame(framing.FrameType.DATA, framing.Direction.TO_AGENT, 1, 1, body=b"\1" * n)))
            for n in bodies
        )
        both = (line + len(bodies) * arq.ACK_FRAME_BYTES) * arq.BITS_PER_BYTE
        rows.append((vector["name"], size, len(bodies), line, f"{both / 9.6:.0f}", f"{both / 115.2:.1f}"))
    head = ("message", "bytes", "frames", "bytes on the line", "ms with its ACKs at 9600", "at 115200")
    return _table(head, *rows)


def native_frames() -> str:
    return "\n".join(
        f"{v['name']}: session {v['session']:#06x}, counter {v['counter']}, ack {v['ack']}"
        f"\n\n```\n{_hex_block(v['wire'])}\n```\n"
        for v in _vector("frames")["frames"]
        if len(v["body"]) <= 68
    )


def _steps(steps: list[dict[str, Any]]) -> list[str]:
    lines = []
    for step in steps:
        way = "agent → terminal" if step["by"] == "agent" else "terminal → agent"
        more = ", more follow" if step["more"] else ""
        lines += [f"{way}: **{step['type']}** counter {step['counter']}, ack {step['ack']}{more}", ""]
        lines += ["```", _hex_block(step["wire"]), "```", ""]
    return lines


def _given(told: Mapping[str, Any], *names: str) -> list[str]:
    return [f"{name.replace('_', ' ')}: `{told[name]}`  " for name in names]


_KEYS = ("agent_static", "terminal_static", "agent_ephemeral", "terminal_ephemeral")


def native_session() -> str:
    told = _vector("session")
    lines = [*_given(told, *_KEYS), f"session: `{told['session']:#06x}`", ""]
    lines += ["terminal's hello, before it is sealed:", "", "```", _hex_block(told["terminal_hello"]), "```", ""]
    lines += _steps(told["steps"])
    lines += ["The messages inside:", "", "```", *(_hex_block(raw) + "\n" for raw in told["messages"])]
    return "\n".join(lines).rstrip() + "\n```\n"


def native_pairing() -> str:
    told = _vector("pairing")
    lines = [*_given(told, *_KEYS, "agent_fresh", "terminal_fresh", "handshake_hash", "number"), ""]
    return "\n".join([*lines, *_steps(told["steps"])]).rstrip() + "\n"


def native_pairing_states() -> str:
    return "\n".join(
        f"{who}:\n\n```mermaid\n{table.mermaid()}```\n"
        for who, table in (("The agent", pairing.AGENT), ("The terminal", pairing.TERMINAL))
    )


def money_states() -> str:
    return f"```mermaid\n{money.TABLE.mermaid()}```\n"


def refund_states() -> str:
    return f"```mermaid\n{case.TABLE.mermaid()}```\n"


def telium_states() -> str:
    return f"```mermaid\n{telium_link_states.TABLE.mermaid()}```\n"


def telium_limits() -> str:
    return _table(
        ("constant", "value", "what"),
        (
            "`timing.REPLY_MS`",
            timing.REPLY_MS,
            "ms for the answer to an ENQ or a frame, and the frame's own time on the line",
        ),
        ("`timing.TRIES`", timing.TRIES, "times that an ENQ or a frame is said, and that a damaged frame is refused"),
        ("`timing.BUSY_MS`", timing.BUSY_MS, "ms after a NAK for an ENQ, then the next ENQ"),
        ("`timing.ANSWER_CALLS`", timing.ANSWER_CALLS, "ENQs of a terminal that has an answer to give"),
        ("`timing.GAP_MS`", timing.GAP_MS, "ms of silence inside a frame, then it is damaged"),
        ("`timing.EOT_MS`", timing.EOT_MS, "ms without EOT after a frame was acknowledged, then its exchange is over"),
        ("`timing.ANSWER_MS`", timing.ANSWER_MS, "ms for the customer; then the line is free again"),
        ("`timing.SEEK_EVERY_MS`", timing.SEEK_EVERY_MS, "ms between two ENQs while nobody answers"),
        ("`timing.POLL_EVERY_MS`", timing.POLL_EVERY_MS, "ms on a free line, then ENQ and EOT"),
        ("`timing.SUSPICIOUS_DAMAGE`", timing.SUSPICIOUS_DAMAGE, "damaged frames and no good one: line settings?"),
        ("`framing.MAX_BODY`", telium_framing.MAX_BODY, "bytes kept of what follows an STX"),
    )


_SIGNS = {"04": "EOT", "05": "ENQ", "06": "ACK", "15": "NAK"}


def telium_exchange() -> str:
    told = json.loads((VECTORS.parent / "telium" / "counterfoil.json").read_text(encoding="utf-8"))
    lines = []
    for step in told["exchange"]:
        way, raw = "agent → terminal" if step["by"] == "agent" else "terminal → agent", step["hex"]
        if raw in _SIGNS:
            lines += [f"{way}: {_SIGNS[raw]} `{raw}`", ""]
        else:
            lines += [f"{way}: `{bytes.fromhex(raw)[1:-2].decode('ascii')}`", "", "```", _hex_block(raw), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def transbank_register_states() -> str:
    return f"```mermaid\n{transbank_link_states.REGISTER.mermaid()}```\n"


def transbank_terminal_states() -> str:
    return f"```mermaid\n{transbank_link_states.TERMINAL.mermaid()}```\n"


def fee_thresholds() -> str:
    """The settings of fees; two that share a docstring share a row."""
    tree = ast.parse(inspect.getsource(thresholds)).body
    (about,) = (one for one in tree if isinstance(one, ast.ClassDef) and one.name == thresholds.FeeSettings.__name__)
    defaults, ranges, rows, named = thresholds.FeeSettings(), thresholds.RANGES, [], []
    for node in about.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            named.append(node.target.id)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and named:
            rule, _colon, what = str(node.value.value).partition(": ")
            fields = ", ".join(f"`{name}` {json.dumps(getattr(defaults, name))}" for name in named)
            spans = ", ".join(
                f"{one.least} to {one.most}" if (one := ranges.get(name)) else "true, false" for name in named
            )
            rows.append((rule, rule_name(Rule(rule), "en") if rule in set(Rule) else "", fields, spans, what))
            named = []
    return _table(("rule", "", "setting and default", "may be", "what"), *sorted(rows))


WRONG: Mapping[str, Callable[[], list[str]]] = {"coverage.md": requirements.problems}
"""What may be wrong beside the page, and only `--check` minds."""
BLOCKS: Mapping[str, Callable[[], str]] = {
    "coverage": requirements.coverage_table,
    "kinds": kinds_table,
    "views": views_table,
    "native-messages": native_messages,
    "native-exchanges": native_exchanges,
    "native-hello": native_hello,
    "native-limits": native_limits,
    "native-states": native_states,
    "native-sizes": native_sizes,
    "native-frames": native_frames,
    "native-session": native_session,
    "native-pairing": native_pairing,
    "native-pairing-states": native_pairing_states,
    "money-states": money_states,
    "refund-states": refund_states,
    "claim-states": claim_states,
    "fee-thresholds": fee_thresholds,
    "telium-states": telium_states,
    "telium-limits": telium_limits,
    "telium-exchange": telium_exchange,
    **scenario_page.BLOCKS,
    "transbank-register-states": transbank_register_states,
    "transbank-terminal-states": transbank_terminal_states,
}


def filled(page: str) -> str:
    """The page with every block as the code has it now. Raises KeyError for a block that nobody makes."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}", page)


def main(arguments: list[str]) -> int:
    behind, wrong = [], []
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        now = filled(page)
        if now != page:
            behind.append(path.name)
            if "--check" not in arguments:
                path.write_text(now, encoding="utf-8")
        if path.name in WRONG and "--check" in arguments:
            wrong += [f"{path.name}: {one}.\n" for one in WRONG[path.name]()]
    if behind and "--check" in arguments:
        wrong.append(f"Behind the code: {', '.join(behind)}. Run python docs/build.py.\n")
    sys.stderr.write("".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
