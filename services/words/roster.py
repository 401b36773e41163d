"""Who answers for the central address on a day: the officer that a receipt names as responsible."""

from datetime import date

from contracts.directory import Agency, Officer


def on_duty(agency: Agency, day: date) -> Officer | None:
    """The officer of the first line of the roster that fits the day, if the officer is appointed then.

    Without a roster all appointed officers answer every day, and the first one is named. None where nobody does:
    a name must not be made up.
    """
    if not agency.roster:
        return next((one for one in agency.officers if _holds(day, one.valid_from, one.valid_until)), None)
    officers = {officer.id: officer for officer in agency.officers}
    for duty in agency.roster:
        officer = officers.get(duty.officer)
        if (
            officer is not None
            and day.weekday() in duty.weekdays
            and _holds(day, duty.valid_from, duty.valid_until)
            and _holds(day, officer.valid_from, officer.valid_until)
        ):
            return officer
    return None


def _holds(day: date, first: str | None, last: str | None) -> bool:
    # As text: ISO dates sort like days, and a 31 February in somebody's directory must not stop all receipts.
    return (first is None or first <= day.isoformat()) and (last is None or day.isoformat() <= last)
