"""A contract as a TOML file, into facts for one commit, or a refusal that names every trouble with file, line and field.

The fields stand in `contract_fields` and docs/fees.md; whether versions can stand beside each other and beside
what stands already, `binding` judges. Examples of what articles state of four models: examples/*.toml; practice
contracts that fit the simulator's shops: agent/demo/contracts/*.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent.errors import ContractRefused, CounterfoilError, NotFound
from agent.fees.contract.binding import Terms
from agent.fees.contract.contract_fields import Broken
from agent.fees.contract.contract_tables import Tables, Trouble
from agent.fees.contract.tariff import TariffVersion
from agent.fees.contract.version_checks import trouble_words
from agent.journal.fee_kinds import FeeFact
from agent.language import _
from protocol import toml_lines

LARGEST = 256 * 1024
"""Bytes of a file."""
_EXAMPLES = Path(__file__).parent / "examples"
_PRACTICE = Path(__file__).parents[2] / "demo" / "contracts"
_ZONE = "Asia/Shanghai"
_AT_LINE = re.compile(r" \(at line ([0-9]+), column [0-9]+\)$")
_OF_NEIGHBOURS = {"overlap", "same_day", "gap"}
"""What is only told where every version of the file could be read."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a file says. name: the file's. facts: all of it, for one commit; of these `versions` the tariffs."""

    name: str
    sha256: bytes
    facts: tuple[FeeFact, ...]

    @property
    def versions(self) -> tuple[TariffVersion, ...]:
        return tuple(fact for fact in self.facts if isinstance(fact, TariffVersion))


def read_contract(path: Path, *, operator: str | None = None, terms: Terms | None = None) -> Contract:
    """The contract in a file. Raises CounterfoilError where it cannot be read, ContractRefused as `contract_of`."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise CounterfoilError(
            _("The file {file} cannot be read: {reason}.").format(file=path, reason=error.strerror or error),
            _("Name a contract's file; docs/fees.md shows one."),
        ) from None
    return contract_of(data, path.name, operator=operator, terms=terms)


def contract_of(data: bytes, file: str, *, operator: str | None = None, terms: Terms | None = None) -> Contract:
    """The contract in a file's bytes. file: its name. operator: who brings it in. terms: what stands already.

    Raises ContractRefused with all troubles at once.
    """
    text = _decoded(data, file)
    try:
        raw = tomllib.loads(text, parse_float=Broken)
    except RecursionError:
        raise refused(file, [Trouble(1, "", _("it is nested too deeply"))]) from None
    except ValueError as error:  # TOMLDecodeError; of a number with thousands of digits another one
        raise refused(file, [_syntax(error, text)]) from None
    digest = sha256(data).digest()
    tables = Tables(toml_lines.lines_of(text), file, digest, operator)
    facts = tuple(tables.facts(raw))
    _judge(tables, facts, raw, Terms.of((), time_zone=_ZONE) if terms is None else terms)
    if tables.troubles:
        raise refused(file, tables.troubles)
    return Contract(file, digest, facts)


def _judge(tables: Tables, facts: Iterable[FeeFact], raw: Mapping[str, Any], terms: Terms) -> None:
    """Note what is wrong with the versions as such."""
    versions = [fact for fact in facts if isinstance(fact, TariffVersion)]
    whole = not tables.troubles
    told = set()
    for found in terms.check(versions):
        if found.code == "rate_too_high" or (found.code in _OF_NEIGHBOURS and not whole):
            continue  # the tables tell of the first, with what was meant
        place = tables.places[found.index]
        key = _key(raw["tariff"][place[1]], found.field)
        if (what := (place, key, trouble_words(found))) not in told:  # of one table with several products, once
            told.add(what)
            tables.trouble((*place, key), what[2])


def _key(table: Mapping[str, Any], field: str) -> str:
    """A record's field as the table names it: in words, or as an integer."""
    word = field.removesuffix("_minor").removesuffix("_ppm")
    return field if field in table else word


def refused(file: str, troubles: Sequence[Trouble]) -> ContractRefused:
    """The error that names them all, by line: `file:line: field: what`."""
    ordered = sorted(troubles, key=lambda trouble: trouble.line)
    rows = [f"{file}:{t.line}: {t.field}: {t.what}" if t.field else f"{file}:{t.line}: {t.what}" for t in ordered]
    return ContractRefused(
        "\n".join(rows),
        _("Nothing of {file} was added; docs/fees.md has every field.").format(file=file),
        tuple((trouble.line, trouble.field, trouble.what) for trouble in ordered),
    )


def _decoded(data: bytes, file: str) -> str:
    """UTF-8, with or without a byte order mark. Raises ContractRefused, naming GB18030 and UTF-16."""
    if len(data) > LARGEST:
        raise refused(file, [Trouble(1, "", _("it has more than {most} bytes").format(most=LARGEST))])
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refused(file, [Trouble(1, "", _("this is {encoding}: save it as UTF-8").format(encoding="UTF-16"))])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    try:
        data.decode("gb18030")
        said = _("this is {encoding}: save it as UTF-8").format(encoding="GB18030")
    except UnicodeDecodeError:
        said = _("this is not UTF-8: save it as UTF-8")
    raise refused(file, [Trouble(line, "", said)])


def _syntax(error: ValueError, text: str) -> Trouble:
    told = str(error)
    at = _AT_LINE.search(told)
    line = int(at[1]) if at else text.rstrip().count("\n") + 1 if told.endswith("(at end of document)") else 1
    reason = (told[: at.start()] if at else told).removesuffix(" (at end of document)")
    return Trouble(line, "", _("this is no TOML: {reason}").format(reason=reason))


# -- what is new of it -------------------------------------------------------------------------------------------------


def new_facts(contract: Contract, standing: Iterable[FeeFact]) -> tuple[FeeFact, ...]:
    """Those that the record does not hold yet. standing: its facts, in its order.

    A version is known by its name; of what begins on a date the last word counts.
    """
    names: set[str] = set()
    last: dict[object, FeeFact] = {}
    for fact in standing:
        if isinstance(fact, TariffVersion):
            names.add(fact.version)
        else:
            last[_topic(fact)] = fact
    return tuple(
        fact
        for fact in contract.facts
        if (fact.version not in names if isinstance(fact, TariffVersion) else last.get(_topic(fact)) != fact)
    )


def _topic(fact: FeeFact) -> object:
    """What one fact replaces another of."""
    return type(fact), getattr(fact, "valid_from", None), getattr(fact, "type", None), getattr(fact, "name", None)


# -- those that are shipped --------------------------------------------------------------------------------------------


def example_names() -> list[str]:
    """The models that articles state rates of, in alphabetical order."""
    return sorted(path.stem for path in _EXAMPLES.glob("*.toml"))


def example(name: str, *, operator: str | None = None, terms: Terms | None = None) -> Contract:
    """What is stated of a model: `Basis.ADVERTISED`. Raises NotFound, ContractRefused as `contract_of`."""
    return _shipped(_EXAMPLES, name, example_names(), operator, terms)


def practice_names() -> list[str]:
    """The simulator's profiles that have a practice contract, in alphabetical order."""
    return sorted(path.stem for path in _PRACTICE.glob("*.toml"))


def practice(profile: str, *, operator: str = "演练", terms: Terms | None = None) -> Contract:
    """The practice contract of a simulated shop: FIXTURE. Raises NotFound, ContractRefused as `contract_of`.

    Its registration names no serial number, MID or TID: these follow from the simulator's seed.
    """
    return _shipped(_PRACTICE, profile, practice_names(), operator, terms)


def _shipped(folder: Path, name: str, names: Sequence[str], operator: str | None, terms: Terms | None) -> Contract:
    if name not in names:
        raise NotFound(
            _("There is no contract {name}.").format(name=repr(name)),
            _("Choose one of: {names}.").format(names=", ".join(names)),
        )
    return contract_of((folder / f"{name}.toml").read_bytes(), f"{name}.toml", operator=operator, terms=terms)
