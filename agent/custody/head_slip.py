"""A head on a strip of paper 58 mm wide, for a drawer or a wallet: as plain text, or as bytes for the printer itself.

ESC/POS: Epson's "ESC/POS Command Reference"; characters are GBK, as printers sold in China take them after FS &.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.custody.head_code import code_of, draws_blocks, half_blocks, slip_codes
from agent.figures import local_time
from agent.language import _
from agent.papers.strip import centred, wrapped
from agent.views import Head

COLUMNS = 32
"""Characters of 12 dots in the 384 that a 58 mm printer has across; a Chinese one takes two columns."""
_DOTS = 384
_LONGEST_SIDE = 8
"""Dots of a module, at most: 1 mm at 203 dpi is enough for any reader."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    centred: bool = False
    bold: bool = False


def slip_text(head: Head, zone: str, *, simulated: bool, encoding: str = "utf-8") -> str:
    """The slip in lines of at most 32 columns, in the language in force. zone: the merchant's time zone.

    The code stands in it in parts (`slip_codes`), of half blocks; it is left out where `encoding` has none of these.
    """
    lines = [_placed(line) for line in _lines(head, zone, simulated=simulated)]
    codes = slip_codes(head.note)
    if draws_blocks(encoding):
        for number, code in enumerate(codes, start=1):
            lines += ["", _centre(_("Code {number} of {count}").format(number=number, count=len(codes)))]
            lines += [_centre(row) for row in half_blocks(code.drawn)]
        lines += ["", *_wrapped(_("Read one after the other, they are the three lines above."))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def slip_escpos(head: Head, zone: str, *, simulated: bool) -> bytes:
    """The same slip for a printer, with the whole signed note in a code that it draws itself."""
    out = bytearray(b"\x1b@\x1c&")  # ESC @: as switched on; FS &: Chinese characters
    for line in _lines(head, zone, simulated=simulated):
        out += b"\x1ba%c\x1bE%c" % (line.centred, line.bold)  # ESC a: justified; ESC E: emphasised
        out += line.text.encode("gbk", "replace") + b"\n"
    out += b"\x1bE\0\x1ba\x01" + _qr_commands(head.note)
    out += b"\x1ba\0\n"
    for text in _wrapped(_("The code holds the signed head.")):
        out += text.encode("gbk", "replace") + b"\n"
    return bytes(out + b"\x1bd\x04")  # ESC d: out of the printer's mouth


def _qr_commands(text: str) -> bytes:
    """GS ( k, cn 49: model 2 (function 165), module size (167), correction L (169), the data (180), print (181)."""
    data = text.encode()
    side = min(_LONGEST_SIDE, _DOTS // code_of(text).side)
    functions = (b"\x41\x32\0", b"\x43%c" % side, b"\x45\x30", b"\x50\x30" + data, b"\x51\x30")
    return b"".join(b"\x1d(k" + (len(each) + 1).to_bytes(2, "little") + b"\x31" + each for each in functions)


def _lines(head: Head, zone: str, *, simulated: bool) -> list[_Line]:
    lines = []
    if simulated:
        demo = _wrapped(_("DEMO: simulated, not a record of real money"))
        lines += [_Line(text, centred=True, bold=True) for text in demo]
    lines += [
        _Line(_("Counterfoil"), centred=True, bold=True),
        _Line(_("The journal's head"), centred=True),
        _Line("-" * COLUMNS),
        _Line(_("Origin:")),
        *(_Line(text) for text in _wrapped(head.origin)),
        _Line(_("Entries:")),
        _Line(str(head.size)),
        _Line(_("Root:")),
        *(_Line(text) for text in _wrapped(head.root)),
        _Line(_("Time:")),
        _Line(local_time(head.at, zone)),
        _Line("-" * COLUMNS),
    ]
    kept = _("Keep it away from the computer: it shows later whether the journal was changed.")
    return lines + [_Line(text) for text in _wrapped(kept)]


def _wrapped(text: str) -> list[str]:
    return wrapped(text, COLUMNS)


def _placed(line: _Line) -> str:
    return _centre(line.text) if line.centred else line.text


def _centre(text: str) -> str:
    return centred(text, COLUMNS)
