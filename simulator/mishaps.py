"""What befalls a wire and a terminal from outside: faults, the cable, the power, crashes, the device, its log and clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from protocol.dialect import dialect
from protocol.errors import MessageError
from protocol.masking import mask_text
from protocol.messages import DeviceEvent, DeviceEventKind, DeviceInfo, Message, Severity
from simulator.command import Answer, Doing, Given
from simulator.errors import SimulatorError
from simulator.station import Station
from simulator.wires.faults import FaultName, make_fault


def _fault(station: Station, given: Given, now: int) -> Answer:
    fault = make_fault(str(given["name"]), {key: value for key, value in given.items() if key != "name"})
    if fault.name in (FaultName.HANG_UP, FaultName.MOVE):
        _cable_is_in(station)
    if fault.name is FaultName.SUSPEND:
        _is_awake(station)
    station.arm(fault, now)
    return {"fault": fault.text}


def _clear_faults(station: Station, given: Given, now: int) -> Answer:
    name = FaultName(str(given["name"])) if "name" in given else None
    cleared = [fault.text for fault in station.line.armed if name in (None, fault.name)]
    if not cleared:
        raise SimulatorError("No such fault is armed.", "The state tells which are.")
    station.line.disarm(name)
    return {"cleared": cleared}


def _pull_cable(station: Station, given: Given, now: int) -> Answer:
    _cable_is_in(station)
    station.pull_cable(now, int(given["for"]))
    return {}


def _plug_cable(station: Station, given: Given, now: int) -> Answer:
    if station.plugged:
        raise SimulatorError("The cable is in.", "Give it pull_cable first.")
    station.plug_cable()
    return {}


def _move_cable(station: Station, given: Given, now: int) -> Answer:
    _cable_is_in(station)
    station.move_cable()
    return {}


def _cable_is_in(station: Station) -> None:
    if not station.plugged:
        raise SimulatorError("The cable is out.", "Give it plug_cable first.")


def _is_awake(station: Station) -> None:
    if station.asleep:
        raise SimulatorError("The terminal is asleep already.", "Wait, or power_off, power_on.")


# -- the power ---------------------------------------------------------------------------------------------------------


def _crash(station: Station, given: Given, now: int) -> Answer:
    station.terminal.crashes.arm(str(given["name"]))
    return {}


def _reboot(station: Station, given: Given, now: int) -> Answer:
    station.terminal.reboot(station.uptime(now))
    return {}


def _other_terminal(station: Station, given: Given, now: int) -> Answer:
    terminal = station.terminal
    family = terminal.name.rpartition("-")[0]
    name = f"{family}-{int(given['seed']):06d}" if "seed" in given else terminal.name
    if name == (terminal.passes_for or terminal.name):
        raise SimulatorError(f"It is {name} already.", "Give another seed; without one it is the right terminal again.")
    terminal.passes_for = None if name == terminal.name else name
    terminal.reboot(station.uptime(now))
    return {"terminal": name}


def _power_off(station: Station, given: Given, now: int) -> Answer:
    if not station.powered:
        raise SimulatorError("The power is off.", "Give it power_on.")
    station.power_off(now)
    return {}


def _power_on(station: Station, given: Given, now: int) -> Answer:
    if station.powered:
        raise SimulatorError("The power is on.", "Give it power_off, or reboot.")
    station.power_on(now)
    return {}


def _suspend(station: Station, given: Given, now: int) -> Answer:
    station.suspend(now, int(given["for"]))
    return {}


# -- the device --------------------------------------------------------------------------------------------------------


def _break_down(station: Station, given: Given, now: int) -> Answer:
    code, severity = str(given["code"]), Severity(str(given["severity"]))
    detail = str(given["detail"]) if "detail" in given else None
    for text in filter(None, (code, detail)):
        if mask_text(text) != text:
            raise SimulatorError("That looks like a card number.", "Write it in other words.")
    _can_be_told(DeviceEvent(number=1, at=0, kind=DeviceEventKind.FAULT, severity=severity, code=code, detail=detail))
    station.terminal.device.break_down(code, severity, station.uptime(now), detail)
    return {}


def _repair(station: Station, given: Given, now: int) -> Answer:
    if station.terminal.device.fault is None:
        raise SimulatorError("Nothing is broken.", "Give it break_down first.")
    station.terminal.device.repair()
    return {}


def _tamper(station: Station, given: Given, now: int) -> Answer:
    station.terminal.device.tamper(station.uptime(now))
    return {}


def _change(station: Station, given: Given, now: int) -> Answer:
    device = station.terminal.device
    before = asdict(device.plate)
    changed = {name: str(value) for name, value in given.items() if value != before[name]}
    if not changed:
        raise SimulatorError("That is what its plate says already.", "Give something new.")
    _can_be_told(DeviceInfo(**before | changed, clock=0))
    device.change(changed, station.uptime(now))
    return {}


def _can_be_told(message: Message) -> None:
    """The wire has room for it."""
    try:
        dialect("native").encode(message)
    except MessageError as error:
        what = f"The wire cannot carry that: {error.reason}."
        raise SimulatorError(what, "Give a shorter text of plain characters.") from error


def _unreadable(station: Station, given: Given, now: int) -> Answer:
    station.terminal.device.say_unreadable(station.uptime(now))
    return {"event": station.terminal.log.last_written}


# -- log and clock -----------------------------------------------------------------------------------------------------


def _roll_back_log(station: Station, given: Given, now: int) -> Answer:
    last = station.terminal.log.last_written
    if int(given["to"]) > last:
        raise SimulatorError(f"The last event is {last}.", "Give a number up to that.")
    station.terminal.roll_back_log(int(given["to"]), station.uptime(now))
    return {}


def _replace_log(station: Station, given: Given, now: int) -> Answer:
    station.terminal.replace_log(station.uptime(now))
    return {"log_epoch": station.terminal.log.epoch}


def _wrong_clock(station: Station, given: Given, now: int) -> Answer:
    station.terminal.clock.wrong_by = int(given["by"])
    return {}


DOES: Mapping[str, Doing] = {
    "fault": _fault,
    "clear_faults": _clear_faults,
    "pull_cable": _pull_cable,
    "plug_cable": _plug_cable,
    "move_cable": _move_cable,
    "crash": _crash,
    "reboot": _reboot,
    "other_terminal": _other_terminal,
    "power_off": _power_off,
    "power_on": _power_on,
    "suspend": _suspend,
    "break_down": _break_down,
    "repair": _repair,
    "tamper": _tamper,
    "change": _change,
    "unreadable": _unreadable,
    "roll_back_log": _roll_back_log,
    "replace_log": _replace_log,
    "wrong_clock": _wrong_clock,
}
