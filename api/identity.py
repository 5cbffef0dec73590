"""Citizen identity numbers (GB 11643): 17 digits and a check character."""

import re
from datetime import date

_NUMBER = re.compile(r"[1-9][0-9]{16}[0-9X]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"


def check_character(first_17: str) -> str:
    """The check character of 17 digits (ISO 7064, MOD 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first_17, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def id_number_error(number: str) -> str | None:
    """Why it is no identity number, without repeating it; None where it is one."""
    if not _NUMBER.fullmatch(number):
        return "an identity number has 17 digits and a check character (GB 11643)"
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return "its digits 7 to 14 are no date of birth (GB 11643)"
    if born.year < 1900:
        return "its digits 7 to 14 are no date of birth (GB 11643)"
    if check_character(number[:17]) != number[17]:
        return "its check character does not fit (GB 11643)"
    return None
