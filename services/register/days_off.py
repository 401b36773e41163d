"""The days of a year that are not like the others, each with the layer that says so and how far that can be trusted."""

from datetime import date
from typing import Literal

from msgspec import Struct

from contracts.directory import Overlay
from services.register.calendar import Calendar, civil_service, public_holidays

Layer = Literal["public holidays", "civil service", "agency"]


class DayOff(Struct, frozen=True, kw_only=True):
    """One word on one day."""

    day: date
    name: str
    layer: Layer
    basis: str
    works: bool
    """What the calendar makes of the day in the end."""
    said: Literal["closed", "open"]


def days_off(calendar: Calendar, overlay: Overlay) -> list[DayOff]:
    """Every word of every layer on a day of the calendar's year, in order; of a day's words the last one holds."""
    rules = civil_service()
    found: list[DayOff] = []

    def add(day: date, name: str, layer: Layer, basis: str, said: Literal["closed", "open"]) -> None:
        if day.year == calendar.year:
            works = calendar.works(day)
            found.append(DayOff(day=day, name=name, layer=layer, basis=basis, works=works, said=said))

    for day, names in public_holidays(calendar.year).items():
        add(day, "; ".join(names), "public holidays", rules.package.basis, "closed")
        for worked in rules.open:
            if calendar.year >= worked.from_ and all(name.endswith(worked.name) for name in names):
                add(day, "; ".join(names), "civil service", worked.basis, "open")
    for holidays in rules.closed:
        for day in holidays.days:
            add(day, holidays.name, "civil service", holidays.basis, "closed")
    for iso, why in overlay.open.items():
        add(date.fromisoformat(iso), why, "agency", "", "open")
    for iso, why in overlay.closed.items():
        add(date.fromisoformat(iso), why, "agency", "", "closed")
    return sorted(found, key=lambda one: one.day)  # stable: a day's words stay in the order of the layers
