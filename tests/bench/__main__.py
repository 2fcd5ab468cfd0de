"""`make bench`: every figure as a ratio to a baseline of the same run, written to docs/performance.md.

    python -m tests.bench [--quick]

--quick leaves out the ten thousand transactions, the gigabyte of noise and the line of 9600. Nothing is asserted here: a figure that is missed is written down as such.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from tests.bench import (
    acknowledge,
    append,
    command_line,
    fees,
    flood,
    journal,
    line,
    memory,
    noise,
    refunds,
    schedules,
    screens,
    simulator,
    views,
    wire,
)

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
    of_the_wire(row, quick="--quick" in sys.argv)
    of_the_simulator(row, quick="--quick" in sys.argv)
    of_the_schedules(row, quick="--quick" in sys.argv)
    of_the_journal(row, quick="--quick" in sys.argv)
    of_the_views(row, quick="--quick" in sys.argv)
    of_the_fees(row, quick="--quick" in sys.argv)
    of_the_refunds(row, quick="--quick" in sys.argv)
    if "--quick" not in sys.argv:
        used = memory.measure()
        row(
            "the agent's memory (VmRSS) after 10,000 transactions",
            f"{used['steady_mb']:.1f} MB; at 2,000: {used['samples'][1][1]:.1f} MB; idle after: {used['after_idle_mb']:.1f} MB",
            f"Python with the same libraries, idle: {used['baseline_mb']:.1f} MB",
            "≤60 MB, flat",
        )
    write(rows)


def of_the_refunds(row: Callable[[str, str, str, str], None], *, quick: bool) -> None:
    """Money back, through the real agent."""
    found = refunds.measure(refunds.TIMED if quick else refunds.CASES)
    row(
        "refund confirmed (PIN proved): rules, signed confirmation and intent, request on the wire",
        f"{found['ratio']:.1f}× ({found['wire_us']:.0f} µs; p99 {found['wire_p99_us']:.0f} µs)",
        f"bare durable commit: {found['bare_us']:.0f} µs",
        "≤4× at the median",
    )
    row(
        f"a start with {found['cases']} refunds settled and unconfirmed, until all are told",
        f"{found['boot_s']:.2f} s",
        "-",
        "≤2 s",
    )


def of_the_wire(row: Callable[[str, str, str, str], None], *, quick: bool) -> None:
    """The native wire alone: codec and frame, the link on a slow line, noise."""
    spent = wire.messages()
    for way, what in (("encode", "a 17-TLV message encoded and sealed"), ("decode", "authenticated and decoded")):
        row(
            f"{what}: hot path",
            f"{spent[way]:.1f}× ({spent[f'{way}_us']:.0f} µs)",
            f"by hand: struct, AESCCM, crc32, the same COBS: {spent[f'{way}_hand_us']:.1f} µs",
            "≤4×",
        )
        row(
            "the same through construct",
            f"{spent[f'construct_{way}']:.0f}× ({spent[f'construct_{way}_us']:.0f} µs)",
            f"the same by hand: {spent[f'{way}_hand_us']:.1f} µs",
            "-",
        )
    row(
        "authenticated and decoded, against the bare values",
        f"{spent['decode_values']:.1f}× ({spent['decode_us']:.0f} µs)",
        f"by hand, without making the message: {spent['decode_values_us']:.1f} µs",
        "-",
    )
    found = noise.speeds()
    random_bytes = found.pop("random bytes")
    worst = min(found, key=lambda name: found[name]["slowest"])
    slow = min(found, key=lambda name: found[name]["byte_by_byte"])
    row(
        "noise rejected: random bytes",
        f"{random_bytes['slowest']:.0f} MB/s; a byte a call: {random_bytes['byte_by_byte']:.1f} MB/s",
        "115200 baud: 0.0115 MB/s",
        "≥10 MB/s",
    )
    row(
        f"noise rejected: the worst of {len(found) + 1} kinds ({worst})",
        f"{found[worst]['slowest']:.1f} MB/s; a byte a call ({slow}): {found[slow]['byte_by_byte']:.1f} MB/s",
        "115200 baud: 0.0115 MB/s",
        "≥3 MB/s",
    )
    for rate in (115_200,) if quick else (9600, 115_200):
        used = line.virtual(rate)
        goodput(row, used, f"{rate} baud, virtual time")
    goodput(row, line.real(), "115200 baud, over ptys")
    there_and_back = line.echo()
    row(
        "a message there and back, two links over a pty",
        f"{there_and_back['ratio']:.1f}× ({there_and_back['link_us']:.0f} µs)",
        f"pyserial, the same bytes: {there_and_back['bare_us']:.0f} µs",
        "≤10×",
    )
    poured = flood.pour(64 if quick else 1000)
    row(
        f"{poured['megabytes']} MB of noise of every kind into both ends of a conversation",
        f"VmRSS grows by {poured['grown_mb']:.2f} MB, {poured['delivered']} messages delivered",
        f"after the first 12 MB: {poured['samples'][0]:.1f} MB",
        f"≤{flood.ALLOWED_MB:.0f} MB, none",
    )


def of_the_simulator(row: Callable[[str, str, str, str], None], *, quick: bool) -> None:
    """Terminals on wires in memory, and a throttled pty."""
    street = simulator.street()
    row(
        f"{street['terminals']} simulated terminals in one process, each with an agent's conversation",
        f"{street['a_second']:.0f} transactions a second of one core; VmRSS {street['resident_mb']:.0f} MB",
        f"the process before: {street['before_mb']:.0f} MB",
        "≥100; ≤400 MB",
    )
    for link, wanted in ((True, "≥5"), (False, "≥50")):
        row(
            f"simulated idle hours a second of one core, {'the link up' if link else 'nobody on the line'}",
            f"{simulator.idle(link=link):.0f}",
            "-",
            wanted,
        )
    month = simulator.month()
    row(
        f"30 days of 300 transactions, {month['events']} events acknowledged",
        f"{month['seconds']:.1f} s of one core",
        "-",
        "seconds",
    )
    for rate in (115_200,) if quick else (9600, 115_200):
        found = simulator.pace(rate)
        row(
            f"a pty throttled to {rate} baud, both ways at once",
            f"to the agent {found['to_agent']:.4f}, to the terminal {found['to_terminal']:.4f} of the ideal",
            "10 bits a byte",
            "within 1%",
        )


def of_the_schedules(row: Callable[[str, str, str, str], None], *, quick: bool) -> None:
    """Agent and simulated terminal under faults, in virtual time (tests/dst)."""
    played = 200 if quick else 2_000
    found = schedules.measure(schedules=played, on_disk=10 if quick else 200)
    baseline = f"SHA-256 of 64 KiB: {found['hash_us']:.0f} µs"
    row(
        f"10,000 schedules of 3 money requests under faults, on {schedules.CORES} cores, by {played:,} of them",
        f"{found['ten_thousand_s']:.0f} s",
        baseline,
        "≤60 s",
    )
    row("one of them on the real journal's disk", f"{found['disk_ms']:.0f} ms", baseline, "-")


def of_the_journal(row: Callable[[str, str, str, str], None], *, quick: bool) -> None:
    """A long journal: verified, proved, opened."""
    entries = 50_000 if quick else journal.ENTRIES
    found = journal.measure(entries)
    row(
        f"`journal verify` of {entries:,} entries, on all cores ({os.cpu_count()})",
        f"{found['ratio']:.2f}× ({found['verify_s']:.2f} s; all processes {found['verify_mb']:.0f} MB)",
        f"one process that only reads and hashes them: {found['bare_s']:.2f} s",
        "≤1.5×, ≤150 MB",
    )
    row(
        f"the proof of an entry anywhere in {entries:,}",
        f"{found['proof_ms']:.2f} ms; the slowest of {journal.PROOFS}: {found['worst_proof_ms']:.1f} ms",
        "-",
        "≤5 ms",
    )
    row(f"a start with {entries:,} entries: key, journal, remembered heads", f"{found['start_ms']:.0f} ms", "-", "≤1 s")


def of_the_views(row: Callable[[str, str, str, str], None], *, quick: bool) -> None:
    """views.db over many transactions: made anew, asked, weighed."""
    count = 50_000 if quick else views.TRANSACTIONS
    found = views.measure(count)
    row(
        f"views made anew from {count:,} transactions and their fees, full text on",
        f"{found['entries_s']:,.0f} entries a second; views.db {found['views_mb']:.0f} MB",
        f"the same entries only read: {found['read_s']:,.0f} a second; journal.db {found['journal_mb']:.0f} MB",
        "≥20,000",
    )
    for question in views.QUESTIONS:
        row(
            f"asked of {count:,} transactions by a new process: {question}",
            f"{found[question]:.1f} ms",
            f"the newest time of all: {found[views.LEAST]:.1f} ms",
            "≤50 ms" if "transactions(None, '" in views.QUESTIONS[question] else "-",
        )


def of_the_fees(row: Callable[[str, str, str, str], None], *, quick: bool) -> None:
    """Everything audited from the record; and what one more transaction costs."""
    found = fees.measure(50_000 if quick else fees.TRANSACTIONS)
    row(
        f"{found['transactions']:,} transactions with their fees audited, in one process",
        f"{found['audit_s']:.1f} s, {found['mb']:.0f} MB; {found['findings']:,.0f} findings",
        f"the same entries only read: {found['read_s']:.1f} s",
        "≤20 s, ≤200 MB",
    )
    row(
        "the findings of one more transaction, its entries read",
        f"{found['audit_us'] / found['commit_us']:.2f}× ({found['audit_us']:.0f} µs)",
        f"the durable commit of its two entries: {found['commit_us']:.0f} µs",
        "≤1×",
    )


def goodput(row: Callable[[str, str, str, str], None], used: dict[str, float], where: str) -> None:
    row(
        f"16 KiB messages in full fragments, {where}",
        f"{used['used']:.3f} of the line time; payload alone {used['payload']:.3f}",
        f"stop-and-wait's ceiling for the payload: {used['payload_ceiling']:.3f}",
        "≥0.93",
    )


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
