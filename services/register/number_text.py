"""A register number as the agency writes it, such as สพร ร/๒๕๖๙/๑๕๗๗."""

from typing import Final

_THAI: Final = str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙")
FALLBACK: Final = "{number}/{year}"


def thai_digits(value: int) -> str:
    """`value` in Thai digits."""
    return str(value).translate(_THAI)


def number_text(form: str, number: int, year: int) -> str:
    """The number in the agency's format; in the plain one where the format cannot be followed."""
    values = {"number": number, "year": year, "number_th": thai_digits(number), "year_th": thai_digits(year)}
    try:
        return form.format(**values)
    except (ValueError, LookupError, AttributeError, TypeError):
        # The directory refuses such a format when it is put; whatever is in it, a letter gets its number.
        return FALLBACK.format(**values)
