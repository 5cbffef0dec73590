"""Taking personal numbers out of free text, and showing a person's identity in part.

What people and partners write is kept in plain in journals and histories, so it is masked at the
door. Meant are citizen identity numbers (GB 11643: 18 characters, of old 15) and mainland mobile
numbers (11 digits from 13 to 19, after +86 or alone), in any script's digits, in groups or not.
"""

import re
import unicodedata
from itertools import accumulate
from typing import Final, overload

from pydantic import JsonValue

WITHHELD: Final = "[withheld]"
"""Stands where a number stood. Without a space and shorter than any of them, so that what fits a
field before fits it after."""

_GAP: Final = r"[ .\-]{1,3}"
_IN_YEARS: Final = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_MOBILE_GROUPS: Final = (
    (11,),
    (3, 4, 4),
    (3, 8),
    (7, 4),
    (3, 3, 5),
    (3, 5, 3),
    (4, 3, 4),
    (4, 4, 3),
    (5, 6),
    (6, 5),
)
"""How people part the 11 digits. Groups of two are left alone: marks and dates look like that."""


def _mobile(groups: tuple[int, ...]) -> str:
    cuts = set(accumulate(groups[:-1]))
    places = (("1", "[3-9]")[place] if place < 2 else r"\d" for place in range(sum(groups)))
    return "".join(_GAP + digit if place in cuts else digit for place, digit in enumerate(places))


_PART: Final = rf"(?:{_GAP})?"
_CENTURY: Final = rf"(?:1{_PART}[89]|2{_PART}0)"
_AFTER_COUNTRY: Final = rf"(?:(?:\(?\+|00)?86\)?{_PART})?"
_CERTAIN: Final = rf"\d*?[1-8]\d{{5}}(?:19|20)\d\d{_IN_YEARS}\d{{3}}[\dXx]\d*"
"""An identity number, in a longer run as well: a date of birth in its place is no accident."""
_FORMS: Final = (
    _CERTAIN,
    # Alone or in groups, even where its date or its check character is mistyped.
    rf"[1-9]{_PART}(?:\d{_PART}){{5}}{_CENTURY}{_PART}(?:\d{_PART}){{9}}[\dXx](?!\d)",
    # Of old.
    rf"[1-8]\d{{5}}{_PART}\d\d{_IN_YEARS}{_PART}\d{{3}}(?!\d)",
    # A mobile number.
    rf"{_AFTER_COUNTRY}(?:{'|'.join(map(_mobile, _MOBILE_GROUPS))})(?!\d)",
)
_BEFORE: Final = r"(?<!\d)(?=[\d+(])"
_PERSONAL: Final = re.compile(f"{_BEFORE}(?:{'|'.join(_FORMS)})")
_IDENTITY: Final = re.compile(_BEFORE + _CERTAIN)
_FEWEST_DIGITS: Final = 11
_DIGITS_ENOUGH: Final = re.compile(r"\d(?:\D{0,6}\d){10}")
"""Without this there is none of them, which is quickly seen and most often so."""
_OPAQUE: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[a-z]{2,4}[_-])?(?:[0-9a-f]{32,}|"
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
"""Ids, hashes and UUIDs: plainly something else, though eleven digits may stand in a row there."""


def without_personal_numbers(text: str) -> str:
    """The text with `[withheld]` in the place of each personal number; never longer than before."""
    return _without(_PERSONAL, text)


@overload
def without_personal_numbers_in(value: dict[str, JsonValue]) -> dict[str, JsonValue]: ...
@overload
def without_personal_numbers_in(value: JsonValue) -> JsonValue: ...
def without_personal_numbers_in(value: JsonValue) -> JsonValue:
    """The JSON with personal numbers taken out of every text, key and number in it.

    A number that is one becomes the text `[withheld]`; of two keys that become the same, the later
    one's value stays. References (`supersedes`, `…_ref`) are their sender's to choose, and eleven
    digits are often a ticket's: of those only identity numbers are taken out.
    """
    match value:
        case str():
            return without_personal_numbers(value)
        case bool() | None:
            return value
        case int() | float():
            if abs(value) < 10 ** (_FEWEST_DIGITS - 1):
                return value
            whole = str(value) if isinstance(value, int) else f"{value:.0f}"
            return value if without_personal_numbers(whole) == whole else WITHHELD
        case list():
            return [without_personal_numbers_in(item) for item in value]
        case _:
            return {
                without_personal_numbers(key): _without(_IDENTITY, item)
                if isinstance(item, str) and _names_a_reference(key)
                else without_personal_numbers_in(item)
                for key, item in value.items()
            }


def _names_a_reference(key: str) -> bool:
    return key == "supersedes" or key.endswith("_ref")


def _without(forms: re.Pattern[str], text: str) -> str:
    if len(text) < _FEWEST_DIGITS or _DIGITS_ENOUGH.search(text) is None:
        return text
    told = _told(text)
    opaque = [found.span() for found in _OPAQUE.finditer(told) if not found[0].isdecimal()]
    parts, kept_to = [], 0
    for found in forms.finditer(told):
        if any(start <= found.start() and found.end() <= end for start, end in opaque):
            continue
        parts += [text[kept_to : found.start()], WITHHELD]
        kept_to = found.end()
    return "".join((*parts, text[kept_to:]))


def masked_name(name: str) -> str:
    """A name by its first character, the others as `*`; one of a single character is `*`."""
    return name[:1] + "*" * (len(name) - 1) if len(name) > 1 else "*"


def masked_id_number(number: str) -> str:
    """An identity number by province and city (4 digits) and its last two characters."""
    return _ends(number, 4, 2)


def masked_phone(phone: str) -> str:
    """A phone number by its first three and last two digits, a short one by its last two."""
    digits = "".join(character for character in phone if character.isdecimal())
    return _ends(digits, 3 if len(digits) > 8 else 0, 2)


def _ends(text: str, first: int, last: int) -> str:
    return text[:first] + "*" * (len(text) - first - last) + text[len(text) - last :]


def _told(text: str) -> str:
    """The text with all scripts' digits, letters and gaps as ASCII has them, place by place."""
    if text.isascii():
        return text.translate(_ASCII_GAPS)
    return "".join(map(_plain, text)).translate(_ASCII_GAPS)


_ASCII_GAPS: Final = str.maketrans("\t\n\r", "   ")


def _plain(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character) in ("Pd", "Zs", "Cf"):
        return " "
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 and not folded.isdigit() else character
