"""`make fuzz`: every target of `rows.TARGETS` under atheris; a whole conversation gets three times a parser's time.

    python -m tests.fuzz [--seconds 60]             all of them, one after another
    python -m tests.fuzz TARGET [libFuzzer's own]   one: -max_total_time=600, or a file to try again

Inputs that reach something new are kept in build/fuzz/TARGET; one that fails is build/fuzz/TARGET-crash-…: once it is
understood, move it to tests/fuzz/corpus/TARGET, where `test_corpus.py` tries it for ever.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
BUILD = FOLDER.parents[1] / "build" / "fuzz"
LONGEST = 4096


def one(target: str, arguments: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["protocol"]):
        from tests.fuzz import rows

    found = BUILD / target
    found.mkdir(parents=True, exist_ok=True)
    files = [argument for argument in arguments if not argument.startswith("-")]
    corpus = [] if files else [str(found), str(FOLDER / "corpus" / target)]
    settings = [f"-max_len={LONGEST}", f"-artifact_prefix={BUILD}/{target}-", "-timeout=60", "-rss_limit_mb=512"]
    atheris.Setup([sys.argv[0], *settings, *arguments, *corpus], rows.TARGETS[target])
    atheris.Fuzz()


def everything(seconds: int) -> bool:
    """Whether anything was found."""
    from tests.fuzz.rows import TARGETS

    shares = {target: 3 if "-talk-" in target else 1 for target in TARGETS}
    failed = []
    for target, share in shares.items():
        time = max(1, seconds * share // sum(shares.values()))
        command = [sys.executable, "-m", "tests.fuzz", target, f"-max_total_time={time}"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        runs = [line for line in ran.stderr.splitlines() if line.startswith("Done ")]
        print(f"{target}: {runs[0] if runs else 'no run'}", flush=True)
        if ran.returncode:
            failed.append(target)
            print(ran.stderr, file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [] | ["--seconds", _]:
            raise SystemExit(everything(int(sys.argv[2]) if len(sys.argv) > 2 else 60))
        case [target, *arguments]:
            one(target, arguments)
