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
    def official_name(self) -> str:
        """The name in Chinese, as on the certificate."""
        return _OFFICIAL_NAMES[self]

    @property
    def rank(self) -> int:
        """1 for apprentice up to 8 for chief technician."""
        return list(SkillLevel).index(self) + 1


_OFFICIAL_NAMES = {
    SkillLevel.APPRENTICE: "学徒工",
    SkillLevel.JUNIOR: "初级工",
    SkillLevel.INTERMEDIATE: "中级工",
    SkillLevel.SENIOR: "高级工",
    SkillLevel.TECHNICIAN: "技师",
    SkillLevel.SENIOR_TECHNICIAN: "高级技师",
    SkillLevel.SPECIAL_GRADE_TECHNICIAN: "特级技师",
    SkillLevel.CHIEF_TECHNICIAN: "首席技师",
}
