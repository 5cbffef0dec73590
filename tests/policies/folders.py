"""Folders of policy files for a test: the real nation's file, and what the test lays over it."""

from pathlib import Path

import yaml

from policies.loader import POLICIES_FOLDER

NATION: dict[str, object] = yaml.safe_load((POLICIES_FOLDER / "cn.yaml").read_text("utf-8"))
DEMO = {"region": "cn", "overlay": "demo"}


def write(folder: Path, **files: object) -> Path:
    """Write `cn.yaml`, an empty demo overlay and these files; text as it is, the rest as YAML."""
    for name, content in {"cn": NATION, "demo": DEMO, **files}.items():
        text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def nation(**sections: dict[str, object]) -> dict[str, object]:
    """The nation's file with some values changed."""
    changed = dict(NATION)
    for name, values in sections.items():
        below = NATION[name]
        assert isinstance(below, dict)
        changed[name] = {**below, **values}
    return changed
