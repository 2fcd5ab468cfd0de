"""A verdict as JUnit XML, as Jenkins, GitLab and others read it: a suite for the scenario, a case for each check."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from simulator.verdict import Verdict

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (§2.2, Char) has no way to write."""
SUITE = "counterfoil.scenario"


def junit(verdict: Verdict, at: datetime) -> ElementTree[Element[str]]:
    """at: when it began. Order and attributes: the schemas of Ant's JUnitReport and of Jenkins' xUnit plugin."""
    broken = sum(not check.ok for check in verdict.checks)
    seconds = f"{verdict.ms // 1000}.{verdict.ms % 1000:03d}"
    suites = Element("testsuites")
    attributes = {
        "name": f"{SUITE}.{_xml(verdict.name)}",
        "tests": str(len(verdict.checks)),
        "failures": str(broken),
        "errors": "0",
        "skipped": "0",
        "time": seconds,
        "timestamp": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        "hostname": "localhost",
    }
    suite = SubElement(suites, "testsuite", attributes)
    properties = SubElement(suite, "properties")
    for name, value in verdict.about.items():
        SubElement(properties, "property", name=_xml(name), value=_xml(str(value)))
    for check in verdict.checks:
        classname = f"{SUITE}.{_xml(verdict.name)}"
        case = SubElement(suite, "testcase", name=_xml(check.name), classname=classname, time="0")
        if not check.ok:
            told = f"expected: {check.expected}\nfound: {check.found}"
            message = f"expected {check.expected}, found {check.found}"
            failure = SubElement(case, "failure", message=_xml(message.replace("\n", " ")), type="expectation")
            failure.text = _xml(told)
    SubElement(suite, "system-out").text = _xml(f"Again: {verdict.replay}\n")
    SubElement(suite, "system-err").text = ""
    indent(suites)
    return ElementTree(suites)


def write(verdict: Verdict, at: datetime, path: str) -> None:
    """OSError where it cannot be written."""
    junit(verdict, at).write(path, encoding="utf-8", xml_declaration=True)


def _xml(text: str) -> str:
    return _NOT_XML.sub("", text)
