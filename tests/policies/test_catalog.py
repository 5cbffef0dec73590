"""Divisions, occupations, modules and programs as they come with Journeyman."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from domain.catalog import Catalog
from domain.levels import SkillLevel
from policies.catalog_files import CATALOG_FOLDER
from policies.loader import load_catalog
from policies.reading import PolicyError, Problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(CATALOG_FOLDER, tmp_path / "catalog")
    return tmp_path / "catalog"


def problems_of(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(PolicyError) as refused:
        load_catalog(folder)
    return refused.value.problems


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("44", "广东省"),
        ("4403", "深圳市"),
        ("440305", "南山区"),
        ("110101", "东城区"),
        ("310101", "黄浦区"),
        ("50", "重庆市"),
        ("500101", "万州区"),
        ("419001", "济源市"),
        ("429004", "仙桃市"),
        ("469001", "五指山市"),
        ("441900", "东莞市"),
        ("659001", "石河子市"),
        ("330113", "临平区"),
        ("81", "香港特别行政区"),
    ],
)
def test_a_division_is_found_by_its_code(catalog: Catalog, code: str, name: str) -> None:
    division = catalog.division(code)
    assert division is not None
    assert division.name == name


@pytest.mark.parametrize("code", ["", "cn", "9", "99", "4499", "440399", "440000", " 44"])
def test_what_is_no_division_is_not_found(catalog: Catalog, code: str) -> None:
    assert catalog.division(code) is None


def test_every_county_lies_in_a_province(catalog: Catalog) -> None:
    provinces = {code for code in catalog.divisions if len(code) == 2}
    assert len(provinces) == 34
    assert {code[:2] for code in catalog.divisions} == provinces


def test_an_occupation_is_found_in_the_national_classification_only(catalog: Catalog) -> None:
    welder = catalog.occupation("gbm", "6-18-02-04")
    assert welder is not None
    assert welder.name == "焊工"
    assert catalog.occupation("isco", "6-18-02-04") is None
    assert catalog.occupation("gbm", "6-99-99-99") is None
    assert len(catalog.occupations) >= 60


@pytest.mark.parametrize("level", SkillLevel)
def test_every_occupation_requires_at_least_three_modules_at_every_level(
    catalog: Catalog, level: SkillLevel
) -> None:
    for code in catalog.occupations:
        modules = catalog.modules_for(code, level)
        codes = [module.code for module in modules]
        assert len(codes) >= 3
        assert len(set(codes)) == len(codes)
        assert all("{" not in module.title and module.hours > 0 for module in modules)


def test_required_modules_are_the_same_whenever_the_files_are_read(catalog: Catalog) -> None:
    again = load_catalog()
    for code in catalog.occupations:
        for level in SkillLevel:
            assert again.modules_for(code, level) == catalog.modules_for(code, level)


def test_levels_of_one_occupation_differ(catalog: Catalog) -> None:
    required = {catalog.modules_for("6-18-01-01", level) for level in SkillLevel}
    assert len(required) == len(SkillLevel)


def test_modules_of_an_unknown_occupation_are_refused(catalog: Catalog) -> None:
    with pytest.raises(KeyError):
        catalog.modules_for("6-99-99-99", SkillLevel.JUNIOR)


def test_a_program_is_open_on_its_first_and_last_day(catalog: Catalog) -> None:
    program = catalog.program("skills-initiative-2025")
    assert program is not None
    assert program.open_on(date(2025, 1, 1))
    assert program.open_on(date(2027, 12, 31))
    assert not program.open_on(date(2028, 1, 1))
    assert catalog.program("nothing") is None


def test_there_are_subsidized_and_unsubsidized_programs(catalog: Catalog) -> None:
    demo, subsidized = (catalog.program(code) for code in ("demo", "demo-subsidized"))
    assert demo is not None
    assert subsidized is not None
    assert (demo.subsidized, subsidized.subsidized) == (False, True)
    assert demo.policy == subsidized.policy == "demo"


def test_a_wrong_row_is_named_by_line_and_column(folder: Path) -> None:
    with (folder / "occupations.csv").open("a", encoding="utf-8") as file:
        file.write("6-18,车工,Lathe Operator\n6-18-01-01,车工,Lathe Operator\n")
    last = len((folder / "occupations.csv").read_text("utf-8").splitlines())
    found = {(problem.file, problem.key, problem.value) for problem in problems_of(folder)}
    assert found == {
        ("occupations.csv", f"line {last - 1} code", "'6-18'"),
        ("occupations.csv", f"line {last} code", "'6-18-01-01'"),
    }


def test_a_wrong_header_is_named(folder: Path) -> None:
    (folder / "divisions.csv").write_text("kode,name\n44,广东省\n", encoding="utf-8")
    (problem,) = problems_of(folder)
    assert (problem.file, problem.key) == ("divisions.csv", "line 1")
    assert "kode" in problem.value


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "programs.yaml").unlink()
    assert {problem.file for problem in problems_of(folder)} == {"programs.yaml"}


def test_a_program_that_ends_before_it_starts_is_named(folder: Path) -> None:
    path = folder / "programs.yaml"
    text = path.read_text("utf-8").replace("ends: 2030-12-31", "ends: 2020-12-31")
    path.write_text(text, encoding="utf-8")
    (problem,) = problems_of(folder)
    assert (problem.file, problem.key) == ("programs.yaml", "programs.union-upskilling-2030")
    assert "before it starts" in problem.reason


def test_modules_of_an_occupation_that_is_not_listed_are_named(folder: Path) -> None:
    path = folder / "modules.yaml"
    path.write_text(path.read_text("utf-8").replace('"6-18-02-04":', '"6-18-02-99":'), "utf-8")
    (problem,) = problems_of(folder)
    assert (problem.file, problem.key) == ("modules.yaml", "occupations.6-18-02-99")


def test_too_few_modules_for_a_level_are_refused(folder: Path) -> None:
    (folder / "modules.yaml").write_text(
        "general:\n  ethics: {title: 职业道德, hours: 8}\n", encoding="utf-8"
    )
    (problem,) = problems_of(folder)
    assert problem.file == "modules.yaml"
    assert "fewer than 3" in problem.reason
