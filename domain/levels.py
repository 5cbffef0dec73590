"""The New Eight-Level Worker scale, low to high (`product.md`)."""

from enum import StrEnum


class SkillLevel(StrEnum):
    """A level of the scale; the value is its name in the interface."""

    APPRENTICE = "apprentice"
    JUNIOR = "junior"
    INTERMEDIATE = "intermediate"
    SENIOR = "senior"
    TECHNICIAN = "technician"
    SENIOR_TECHNICIAN = "senior_technician"
    SPECIAL_GRADE_TECHNICIAN = "special_grade_technician"
    CHIEF_TECHNICIAN = "chief_technician"

    @property
    def rank(self) -> int:
        """1 for apprentice up to 8 for chief technician."""
        return list(SkillLevel).index(self) + 1
