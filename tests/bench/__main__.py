"""`make bench`: every figure as a ratio to a baseline of the same run, written to docs/performance.md.

    python -m tests.bench [--quick]

--quick leaves out the ten thousand transactions. Nothing is asserted here: a figure that is missed is written down as such.
"""

from __future__ import annotations

import os
import platform
import sys
from datetime import date
from pathlib import Path

from tests.bench import acknowledge, append, command_line, memory, screens

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
START, END = "<!-- measured -->", "<!-- end -->"


def main() -> None:
    """Measure, print, and write the table into docs/performance.md between its marks."""
    rows: list[tuple[str, str, str, str]] = []

    def row(what: str, measured: str, baseline: str, wanted: str) -> None:
        rows.append((what, measured, baseline, wanted))
        print(" | ".join(rows[-1]), flush=True)

    day = command_line.day()
    row(
        "300 transactions, 600 events: pty, wire, journal, views (`demo --headless`)",
        f"{day['beyond_start_s']:.2f} s beyond start-up",
        f"a demo of one transaction: {day['start_s']:.2f} s",
        "≤5 s",
    )
    began = command_line.start()
    row(
        "a second `make run`: until the day begins",
        f"{began['start_s']:.2f} s",
        f"`python -c ''`: {began['python_ms']:.0f} ms",
        "<2 s",
    )
    for private in (False, True):
        found = append.measure(private=private)
        with_private = ", with a private value" if private else ""
        row(
            f"durable signed append{with_private}",
            f"{found['single']:.2f} of the bare insert ({found['signed_us']:.0f} µs)",
            f"bare insert of the same bytes: {found['bare_us']:.0f} µs",
            "≥0.60",
        )
        row(
            f"groups of 100{with_private}",
            f"{found['group']:.1f}× one by one ({found['group_us']:.0f} µs an entry)",
            f"signed one by one: {found['signed_us']:.0f} µs",
            "≥12×",
        )
    acked = acknowledge.measure()
    row(
        "event in, acknowledgement out: hot path",
        f"{acked['hot_ratio']:.2f}× ({acked['hot_us']:.0f} µs)",
        f"bare durable commit: {acked['bare_us']:.0f} µs",
        "≤2×",
    )
    row(
        "the same through construct",
        f"{acked['construct_ratio']:.2f}× ({acked['construct_us']:.0f} µs)",
        f"bare durable commit: {acked['bare_us']:.0f} µs",
        "≤3.5×",
    )
    help_ = command_line.help_()
    row(
        "`counterfoil --help`",
        f"{help_['ratio']:.2f}× ({help_['help_ms']:.0f} ms)",
        f"a bare click program: {help_['bare_click_ms']:.0f} ms",
        "≤1.6×",
    )
    first = screens.measure()
    row(
        "screens: process start to the day's figures",
        f"{first['ratio']:.2f}× ({first['figures_ms']:.0f} ms)",
        f"hello-world Textual: {first['hello_ms']:.0f} ms",
        "≤2× (a later issue's)",
    )
    if "--quick" not in sys.argv:
        used = memory.measure()
        row(
            "the agent's memory (VmRSS) after 10,000 transactions",
            f"{used['steady_mb']:.1f} MB; at 2,000: {used['samples'][1][1]:.1f} MB; idle after: {used['after_idle_mb']:.1f} MB",
            f"Python with the same libraries, idle: {used['baseline_mb']:.1f} MB",
            "≤60 MB, flat",
        )
    write(rows)


def write(rows: list[tuple[str, str, str, str]]) -> None:
    """The table between the marks of docs/performance.md."""
    lines = [
        START,
        f"Measured {date.today().isoformat()} on {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}, with `make bench`.",
        "",
        "| what | measured | baseline of the same run | wanted |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        END,
    ]
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(before + "\n".join(lines) + after, "utf-8")


if __name__ == "__main__":
    main()
