"""The survey as a person reads it, as lines for a zone file, and as JSON."""

import json
import sys
from collections.abc import Sequence

import msgspec

from contracts.directory import Agency
from services.commands.dns.record import Record, Section, State, zone_lines
from services.commands.terminal import OUT, clean, table

_MODES = {
    "only": "mode only: we are its MX, other addresses are refused",
    "shared": "mode shared: we are its MX, other addresses are passed on",
    "behind": "mode behind: the agency's server stays its MX",
    "return": "where reports about our mails come back",
}


def show(sections: Sequence[Section]) -> None:
    """Write it for a person."""
    for number, section in enumerate(sections):
        if number:
            _line()
        _line(f"{section.title} · {_MODES[section.mode]}")
        _line()
        table(
            ("record", "name", "state", "what to do"),
            ((one.purpose, one.name, one.state.value, one.remedy) for one in section.records),
        )
        _list("To publish:", [line for one in section.records if one.state is not State.OK for line in zone_lines(one)])
        if section.policy is not None:
            _list(f"To serve as text/plain at {section.policy.url}:", section.policy.text.splitlines())
        _list("What the agency's server has to do:", [f"- {duty}" for duty in section.duties])
        _list("Cut-over:", [f"{step.number}. {step.when}: {step.what}" for step in section.plan])


def zone(agency: Agency, sections: Sequence[Section]) -> None:
    """Write it as lines for a zone file: all that should stand there, also what does already."""
    _line(f"; {agency.id}: {agency.name}")
    for section in sections:
        _line()
        _line(f"; {section.title} ({_MODES[section.mode]})")
        for record in section.records:
            lines = zone_lines(record)
            _line(f"; {record.purpose}: {record.state.value}, {record.remedy}")
            if record.state is not State.OK:
                for found in record.found:
                    _line(f";   now: {found}")
            for line in lines or [f";   {record.name}. {record.kind}: nothing to print here"]:
                _line(line)


def as_json(agency: Agency, sections: Sequence[Section]) -> None:
    """Write it as one JSON object."""
    whole = {"agency": agency.id, "ok": not any(map(_open, sections)), "domains": [_object(one) for one in sections]}
    sys.stdout.write(json.dumps(whole, ensure_ascii=False, indent=2) + "\n")


def _object(section: Section) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(section)
    fields["records"] = [_with_zone(record) for record in section.records]
    return fields


def _with_zone(record: Record) -> dict[str, object]:
    return {**msgspec.to_builtins(record), "zone": zone_lines(record)}


def _open(section: Section) -> bool:
    return any(record.state is not State.OK for record in section.records)


def _list(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    _line()
    _line(title)
    for line in lines:
        _line(f"  {line}")


def _line(text: str = "") -> None:
    OUT.print(clean(text), markup=False)
