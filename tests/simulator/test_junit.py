"""JUnit XML: its form by the rules of the schemas that Ant's JUnitReport and Jenkins' xUnit plugin publish, and what it says.

No schema is packaged here: the rules (order of elements, required attributes, their forms) are written out from them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from simulator.judge import Check
from simulator.junit import junit, write
from simulator.verdict import Verdict

AT = datetime(2026, 3, 2, 9, 0, 5, tzinfo=UTC)
REQUIRED = {
    "testsuites": set(),
    "testsuite": {"name", "tests", "failures", "errors", "time", "timestamp", "hostname"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type"},
    "system-out": set(),
    "system-err": set(),
}
ALLOWED = REQUIRED | {
    "testsuite": REQUIRED["testsuite"] | {"skipped", "id", "package"},
    "failure": {"type", "message"},
}
INSIDE = {
    "testsuites": r"(testsuite )*",
    "testsuite": r"(properties )(testcase )*(system-out )(system-err )",
    "properties": r"(property )*",
    "testcase": r"(skipped |error |failure )?",
}
"""Ant's xs:sequence and xs:choice, as patterns over the names of the children."""
FORMS = {
    ("testsuite", "tests"): r"\d+",
    ("testsuite", "failures"): r"\d+",
    ("testsuite", "errors"): r"\d+",
    ("testsuite", "time"): r"\d+\.\d+",
    ("testsuite", "timestamp"): r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",  # ISO8601_DATETIME_PATTERN: no zone
    ("testcase", "time"): r"\d+(\.\d+)?",
}


def assert_by_the_schemas(element: ElementTree.Element) -> None:
    assert element.tag in REQUIRED, element.tag
    assert REQUIRED[element.tag] <= set(element.keys()) <= ALLOWED[element.tag], (element.tag, element.keys())
    for (tag, name), form in FORMS.items():
        if element.tag == tag:
            assert re.fullmatch(form, element.get(name, "")), (tag, name, element.get(name))
    children = "".join(f"{child.tag} " for child in element)
    assert re.fullmatch(INSIDE.get(element.tag, ""), children), (element.tag, children)
    for child in element:
        assert_by_the_schemas(child)


def verdict(*checks: Check) -> Verdict:
    return Verdict(
        name="fee_twice",
        checks=checks,
        about={"profile": "esign", "seed": "7", "date": "2026-03-02"},
        counts={"sessions": 1},
        replay="counterfoil sim run --scenario fee_twice",
        ms=1234,
        left={},
    )


GOOD = Check("ledger: sales_count", True, "1", "1")
BAD = Check('screen: <"成功" & more>', False, "a\nb", "x\x00\x1b[31m\x0b\ud800y]]>\U0001f600")


@pytest.mark.parametrize("checks", [(), (GOOD,), (GOOD, BAD), (BAD, BAD, GOOD)])
def test_it_keeps_the_schemas(checks: tuple[Check, ...], tmp_path: Path) -> None:
    write(verdict(*checks), AT, str(tmp_path / "v.xml"))
    root = ElementTree.parse(tmp_path / "v.xml").getroot()
    assert_by_the_schemas(root)
    (suite,) = root
    assert suite.get("tests") == str(len(checks)) == str(len(suite.findall("testcase")))
    assert suite.get("failures") == str(sum(not c.ok for c in checks)) == str(len(suite.findall("testcase/failure")))


def test_what_it_says(tmp_path: Path) -> None:
    write(verdict(GOOD, BAD), AT, str(tmp_path / "v.xml"))
    data = (tmp_path / "v.xml").read_bytes()
    assert data.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    (suite,) = ElementTree.fromstring(data)
    assert (suite.get("name"), suite.get("time")) == ("counterfoil.scenario.fee_twice", "1.234")
    assert suite.get("timestamp") == "2026-03-02T09:00:05"
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties == {"profile": "esign", "seed": "7", "date": "2026-03-02"}
    assert suite.findtext("system-out") == "Again: counterfoil sim run --scenario fee_twice\n"
    good, bad = suite.findall("testcase")
    assert good.find("failure") is None and bad.get("name") == 'screen: <"成功" & more>'
    failure = bad.find("failure")
    assert failure is not None
    assert failure.text == "expected: a\nb\nfound: x[31my]]>\U0001f600", "what XML cannot hold is dropped"
    assert failure.get("message") == "expected a b, found x[31my]]>\U0001f600"


def test_two_cases_of_one_name_are_two() -> None:
    (suite,) = junit(verdict(GOOD, GOOD), AT).getroot()
    assert suite.get("tests") == "2"
