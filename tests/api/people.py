"""People and journeys to open, no two alike unless a test wants it."""

from itertools import count

from api.identity import check_character

_numbers = count(1)


def a_person(**others: object) -> dict[str, object]:
    """A plausible person with a valid identity number of her own."""
    number = next(_numbers)
    first_17 = f"440305199{number // 1000 % 10}0101{number % 1000:03d}"
    return {
        "name": "陈小梅",
        "id_number": first_17 + check_character(first_17),
        "phone": f"1380013{number % 10000:04d}",
    } | others


def a_journey(**others: object) -> dict[str, object]:
    """The body of an opening that nothing is wrong with."""
    asked: dict[str, object] = {
        "person": a_person(),
        "program": "demo",
        "occupation": {"scheme": "gbm", "code": "4-02-06-01"},
        "level": "intermediate",
        "pathway": "job",
        "home_region": "440305",
        "groups": ["unemployed"],
    }
    return {key: value for key, value in (asked | others).items() if value is not None}
