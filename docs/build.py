"""Fills the generated blocks of docs/*.md from the code: `python docs/build.py`; with `--check` it changes nothing and fails
where a page is behind.

A block stands between `<!-- generated: NAME -->` and `<!-- end -->`. A new one is one function and one row of BLOCKS.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.journal.kinds import kinds_table
from protocol import conversation
from protocol.dialects.native import exchange, fragments, framing, link, link_states, wire
from simulator import terminal

DOCS = Path(__file__).parent
VECTORS = DOCS.parent / "tests" / "vectors" / "native"
_BLOCK = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(*rows: tuple[object, ...]) -> str:
    head, *body = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body]) + "\n"


def _vector(name: str) -> Any:
    return json.loads((VECTORS / f"counterfoil-v1-{name}.json").read_text(encoding="utf-8"))


def _hex_block(raw: str, width: int = 64) -> str:
    return "\n".join(raw[i : i + width] for i in range(0, len(raw), width))


def _fields(layout: wire.Layout) -> str:
    rows = [
        (
            f"`{field.tag:04x}`",
            "critical" if field.tag & wire.CRITICAL else "",
            f"`{field.name}`",
            field.value.name,
            "" if field.required else "optional",
        )
        for field in layout.fields
    ]
    return _table(("tag", "", "field", "value", ""), *rows)


def native_messages() -> str:
    """One byte table a message, in the order of the wire."""
    said = {layout.message: layout.code for layout in wire.LAYOUTS}
    parts = []
    for layout in wire.LAYOUTS:
        answers = [answer.__name__ for answer in exchange.REPLIES.get(layout.message, ()) if answer in said]
        doc = (layout.message.__doc__ or "").splitlines()[0]
        about = "" if doc.startswith(f"{layout.message.__name__}(") else f" {doc}"
        reply = f" Answered by {', '.join(answers)}." if answers else ""
        parts.append(
            f"### `{layout.code:04x}` {layout.message.__name__}\n\n{(about + reply).strip()}\n\n{_fields(layout)}"
        )
    return "\n".join(parts).replace("\n\n\n\n", "\n\n")


def native_hello() -> str:
    return f"Type `{wire.HELLO_FIELDS.code:04x}`:\n\n{_fields(wire.HELLO_FIELDS)}"


def native_limits() -> str:
    rows: tuple[tuple[object, ...], ...] = (
        ("`framing.MAX_BODY`", framing.MAX_BODY, "bytes of a frame's body: a fragment"),
        ("`framing.SMALLEST`", framing.SMALLEST, "bytes of a frame without a body, before stuffing"),
        ("`framing.LARGEST`", framing.LARGEST, "bytes of the largest frame, before stuffing"),
        ("`framing.LARGEST_STUFFED`", framing.LARGEST_STUFFED, "bytes that a receiver keeps of a run without 00"),
        ("`fragments.MAX_MESSAGE`", fragments.MAX_MESSAGE, "bytes of a message"),
        ("`link.ACK_MARGIN_MS`", link.ACK_MARGIN_MS, "ms in T_ack that are nobody's line time"),
        ("`link.ACK_FRAME_BYTES`", link.ACK_FRAME_BYTES, "bytes of an ACK on the line"),
        ("`link.BITS_PER_BYTE`", link.BITS_PER_BYTE, "bits of a byte on the line (8N1)"),
        ("`link.TRIES`", link.TRIES, "times that a data frame is sent, each wait twice the last"),
        ("`link.IDLE_MS`", link.IDLE_MS, "ms without a valid frame, then PING; and between two PINGs"),
        ("`link.UNANSWERED_PINGS`", link.UNANSWERED_PINGS, "unanswered PINGs, then the session ends"),
        ("`link.HELLO_EVERY_MS`", link.HELLO_EVERY_MS, "ms between two HELLOs"),
        ("`link.NO_SESSION_EVERY_MS`", link.NO_SESSION_EVERY_MS, "ms at least between two NO_SESSIONs"),
        ("`link.LAST_COUNTER`", f"{link.LAST_COUNTER:#010x}", "a counter above it ends the session for a new one"),
        ("`link.SUSPICIOUS_DAMAGE`", link.SUSPICIOUS_DAMAGE, "damaged frames and no good one: line settings?"),
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
        both = (line + len(bodies) * link.ACK_FRAME_BYTES) * link.BITS_PER_BYTE
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


def native_session() -> str:
    told = _vector("session")
    lines = [f"{name.replace('_', ' ')}: `{told[name]}`  " for name in ("secret", "agent_random", "terminal_random")]
    lines += [f"session: `{told['session']:#06x}`", "", "terminal's hello, before it is sealed:", "", "```"]
    lines += [_hex_block(told["terminal_hello"]), "```", ""]
    for step in told["steps"]:
        way = "agent → terminal" if step["by"] == "agent" else "terminal → agent"
        more = ", more follow" if step["more"] else ""
        lines += [f"{way}: **{step['type']}** counter {step['counter']}, ack {step['ack']}{more}", ""]
        lines += ["```", _hex_block(step["wire"]), "```", ""]
    lines += ["The messages inside:", "", "```", *(_hex_block(raw) + "\n" for raw in told["messages"])]
    return "\n".join(lines).rstrip() + "\n```\n"


BLOCKS: Mapping[str, Callable[[], str]] = {
    "kinds": kinds_table,
    "native-messages": native_messages,
    "native-hello": native_hello,
    "native-limits": native_limits,
    "native-states": native_states,
    "native-sizes": native_sizes,
    "native-frames": native_frames,
    "native-session": native_session,
}


def filled(page: str) -> str:
    """The page with every block as the code has it now. Raises KeyError for a block that nobody makes."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}", page)


def main(arguments: list[str]) -> int:
    behind = []
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        now = filled(page)
        if now != page:
            behind.append(path.name)
            if "--check" not in arguments:
                path.write_text(now, encoding="utf-8")
    if behind and "--check" in arguments:
        sys.stderr.write(f"Behind the code: {', '.join(behind)}. Run python docs/build.py.\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
