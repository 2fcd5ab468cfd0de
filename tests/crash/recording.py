"""A run of the journal under the recorder (recorder.c): compiled, preloaded, its log read back.

The log is the whole truth of what happened to the files: `test_recording.py` plays it back and compares with the real folder.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("recorder.c")
_HEADER = struct.Struct("<QQII")
RUN_S = 120


class NoRecorder(RuntimeError):
    """Why nothing can be recorded on this machine."""


class Kind(StrEnum):
    """What a record says; the letters are recorder.c's."""

    WRITE = "w"
    """`data` at `place` of the file `inode`."""
    TRUNCATE = "t"
    """The file `inode` is `place` bytes long from now on."""
    SYNC = "s"
    """fsync or fdatasync of the file `inode` returned 0."""
    SYNC_FAILED = "x"
    """It did not: what had been written since the last one may never reach the disk (docs: fsync(2), EIO)."""
    SYNC_FOLDER = "d"
    """fsync of the folder `path` returned 0."""
    CREATE = "c"
    """A new, empty file `inode` under the name `path`."""
    FOLDER = "m"
    RENAME = "r"
    UNLINK = "u"
    MARK = "!"
    """What the workload says of itself."""


@dataclass(frozen=True, slots=True)
class Record:
    """One call. path, to: relative to the recorded folder, "" for the folder itself."""

    kind: Kind
    inode: int = 0
    place: int = 0
    data: bytes = b""
    path: str = ""
    to: str = ""


@cache
def recorder() -> Path:
    """The compiled recorder. Raises NoRecorder."""
    if sys.platform != "linux" or sys.byteorder != "little":
        raise NoRecorder("the recorder preloads into processes of Linux on little-endian machines")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NoRecorder("there is no C compiler (cc) to build the recorder of writes with")
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-recorder-"))
    library = folder / "recorder.so"
    flags = ["-shared", "-fPIC", "-O1", "-U_FORTIFY_SOURCE", "-Wall", "-Werror"]
    command = [compiler, *flags, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise RuntimeError(f"recorder.c does not compile: {built.stderr}")
    return library


def memory_folder() -> Path | None:
    """Where syncs cost nothing, if there is such a place; None: the system's temporary folder."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else None


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder, in memory where there is such a place, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-crash-", dir=memory_folder()) as folder:
        yield Path(folder)


def under_recorder(root: Path, log: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """`python -m command…` in a process whose changes below `root` go into `log`."""
    environment = {**os.environ, "LD_PRELOAD": str(recorder()), "RECORDER_ROOT": str(root), "RECORDER_LOG": str(log)}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=HOUSE,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )


def record(folder: Path, scenario: str, control: str = "") -> list[Record]:
    """Run a scenario of the workload in `folder`/root, and answer what it did. RuntimeError where it fails."""
    root, log = folder / "root", folder / "log"
    root.mkdir()
    ran = under_recorder(root, log, "tests.crash.workload", scenario, str(root / "home"), control)
    if ran.returncode:
        raise RuntimeError(f"the workload {scenario} {control} failed: {ran.stderr}")
    return read_log(log)


def read_log(path: Path) -> list[Record]:
    """Every record in order. RuntimeError for one that the recorder could not follow."""
    raw, at, records = path.read_bytes(), 0, []
    while at < len(raw):
        inode, place, letter, length = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        data = raw[at : at + length]
        at += length
        if chr(letter) == "?":
            raise RuntimeError(f"a file was changed in a way that the recorder cannot follow: {data!r}")
        kind = Kind(chr(letter))
        if kind in {Kind.WRITE, Kind.MARK}:
            records.append(Record(kind, inode, place, data))
        else:
            old, _, new = data.decode().partition("\0")
            records.append(Record(kind, inode, place, b"", old, new))
    return records
