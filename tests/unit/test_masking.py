"""Personal numbers are taken out of free text, and nothing else is."""

import re
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.masking import (
    WITHHELD,
    masked_id_number,
    masked_name,
    masked_phone,
    without_personal_numbers,
    without_personal_numbers_in,
)

FULL_WIDTH = str.maketrans("0123456789X+-", "０１２３４５６７８９Ｘ＋－")

id_numbers = st.builds(
    lambda area, born, order, check: f"{area}{born:%Y%m%d}{order:03d}{check}",
    st.integers(110000, 829999),
    st.dates(date(1900, 1, 1), date(2030, 12, 31)),
    st.integers(0, 999),
    st.sampled_from("0123456789Xx"),
)
old_id_numbers = st.builds(
    lambda area, born, order: f"{area}{born:%y%m%d}{order:03d}",
    st.integers(110000, 829999),
    st.dates(date(1920, 1, 1), date(1999, 12, 31)),
    st.integers(0, 999),
)
mobiles = st.builds(
    lambda second, rest: f"1{second}{rest:09d}", st.integers(3, 9), st.integers(0, 10**9 - 1)
)
personal = st.one_of(
    id_numbers,
    old_id_numbers,
    mobiles,
    mobiles.map("+86{}".format),
    mobiles.map("86-{}".format),
    mobiles.map("0086 {}".format),
    mobiles.map("(+86) {}".format),
    mobiles.map(lambda number: f"{number[:3]} {number[3:7]} {number[7:]}"),
    mobiles.map(lambda number: f"+86 {number[:3]}-{number[3:7]}-{number[7:]}"),
    mobiles.map(lambda number: f"{number[:7]} {number[7:]}"),
    id_numbers.map(lambda number: f"{number[:6]} {number[6:14]} {number[14:]}"),
    id_numbers.map(lambda number: "-".join(re.findall(".{1,4}", number))),
)
words = st.text(st.characters(exclude_categories=("Nd", "Cs")), max_size=20)


def digits_of(text: str) -> str:
    return "".join(re.findall(r"\d", text))


@given(words, personal, personal, words)
def test_a_personal_number_is_withheld_wherever_it_stands(
    before: str, one: str, other: str, after: str
) -> None:
    masked = without_personal_numbers(f"{before}{one} 与 {other.translate(FULL_WIDTH)}{after}")
    assert not digits_of(masked)
    assert masked.count(WITHHELD) == 2


@given(st.text(st.sampled_from("0123456789Xx +-.ab张０１"), max_size=80))
def test_masking_never_lengthens_and_twice_is_once(text: str) -> None:
    masked = without_personal_numbers(text)
    assert len(masked) <= len(text)
    assert without_personal_numbers(masked) == masked


@given(words)
def test_a_text_without_digits_stays_as_it_is(text: str) -> None:
    assert without_personal_numbers(text) == text


@given(st.uuids())
def test_an_id_that_we_or_a_partner_made_stays_as_it_is(made: UUID) -> None:
    for text in (str(made), f"jn_{made.hex}", f"see rc_{made.hex}, please"):
        if not made.hex.isdecimal():
            assert without_personal_numbers(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "13912345678901",  # 14 digits
        "139123456789",  # 12 digits
        "1763838918123",  # milliseconds since 1970
        "12345678901",  # no mobile number begins with 12
        "theory 58, practical 75, then 60 60 75 80 90 10",
        "2026-11-22T19:15:18.123456789+08:00",
        "4-02-06-01 in 440305",
        "914403007152672651",  # an enterprise's credit code
        "0755-2612 3456",
        "192.168.100.200:13800",
        "jn_13912345678a4f6e8b0c2d4e6f8a0b2c",
        "aaaaaaaa-1345-4678-901a-aaaaaaaaaaaa",
    ],
)
def test_what_is_plainly_something_else_stays(text: str) -> None:
    assert without_personal_numbers(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "her number 44030519990101001X.",
        "440305199913450010",  # a month that is none: mistyped
        "身份证４４０３０５１９９９０１０１００１５",
        "44030519990101001513912345678",  # two of them without a gap
        "440305990101001",
        "电话139\u00a01234\u30005678",
        "tel139-1234-5678x",
        "+86\t139 1234 5678",
        "٠١٣٩ ١٣٩١٢٣٤٥٦٧٨",
    ],
)
def test_a_number_in_disguise_is_withheld(text: str) -> None:
    assert WITHHELD in without_personal_numbers(text)


def test_json_is_masked_in_depth_keys_and_numbers_included() -> None:
    content: JsonValue = {
        "phone": 13912345678,
        "13912345678": [True, None, 1.5, 60, {"note": "id 440305199901010015"}],
        "wide": 440305199901010015,
        "float": 13912345678.0,
        "wage": 6800,
    }
    assert without_personal_numbers_in(content) == {
        "phone": WITHHELD,
        WITHHELD: [True, None, 1.5, 60, {"note": f"id {WITHHELD}"}],
        "wide": WITHHELD,
        "float": WITHHELD,
        "wage": 6800,
    }


def test_a_reference_keeps_what_may_be_a_tickets_number() -> None:
    sent: dict[str, JsonValue] = {
        "booking_ref": "18200000123",
        "supersedes": "13912345678",
        "result_ref": "440305199901010015",
        "reason": "18200000123",
    }
    assert without_personal_numbers_in(sent) == sent | {"result_ref": WITHHELD, "reason": WITHHELD}


def test_a_long_row_of_digits_takes_no_time() -> None:
    for text in ("1" * 64_000, "4403051999" * 6_400, "139 " * 16_000, "1 9 " * 16_000):
        assert without_personal_numbers(text) is not None


@pytest.mark.parametrize(("name", "shown"), [("陈小梅", "陈**"), ("梅", "*"), ("Ada Li", "A*****")])
def test_a_name_is_shown_by_its_first_character(name: str, shown: str) -> None:
    assert masked_name(name) == shown


def test_an_identity_number_shows_its_city_and_its_end() -> None:
    assert masked_id_number("44030519990101001X") == "4403************1X"


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13912345678", "139******78"),
        ("+86 139 1234 5678", "861********78"),
        ("26123456", "******56"),
        ("1-2345", "***45"),
    ],
)
def test_a_phone_number_shows_its_two_ends(phone: str, shown: str) -> None:
    assert masked_phone(phone) == shown
