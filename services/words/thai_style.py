"""Numbers and dates as a Thai official document writes them."""

from datetime import date, datetime

from contracts.values import BANGKOK

MONTHS = (
    "มกราคม",
    "กุมภาพันธ์",
    "มีนาคม",
    "เมษายน",
    "พฤษภาคม",
    "มิถุนายน",
    "กรกฎาคม",
    "สิงหาคม",
    "กันยายน",
    "ตุลาคม",
    "พฤศจิกายน",
    "ธันวาคม",
)

_DIGITS = str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙")


def digits(value: object) -> str:
    """The text of `value` with Thai digits."""
    return str(value).translate(_DIGITS)


def number(value: int) -> str:
    """A count with Thai digits and separators: ๑,๒๓๔."""
    return digits(f"{value:,}")


def calendar_date(day: date) -> str:
    """๕ มิถุนายน ๒๕๖๓."""
    return f"{digits(day.day)} {MONTHS[day.month - 1]} {digits(day.year + 543)}"


def clock_time(moment: datetime) -> str:
    """๑๓.๕๐ น., as the receive stamp has it; minutes are cut, never rounded up."""
    return digits(f"{moment.astimezone(BANGKOK):%H.%M}") + " น."


def date_and_time(moment: datetime) -> str:
    """๕ มิถุนายน ๒๕๖๓ เวลา ๑๓.๕๐ น., in Thai time."""
    return f"{calendar_date(moment.astimezone(BANGKOK).date())} เวลา {clock_time(moment)}"


def exact_time(moment: datetime) -> str:
    """The same to the microsecond: ๕ มิถุนายน ๒๕๖๓ เวลา ๑๓:๕๐:๐๗.๑๒๓๔๕๖ น."""
    local = moment.astimezone(BANGKOK)
    return f"{calendar_date(local.date())} เวลา {digits(f'{local:%H:%M:%S.%f}')} น."
