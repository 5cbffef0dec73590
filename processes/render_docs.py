"""`make docs`: renders what is told by code: the lifecycle, partners' events, the settings."""

import ast
import inspect
from pathlib import Path

from domain.lifecycle import render_mermaid
from processes.render_partner_guide import partner_guide
from processes.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
LIFECYCLE_FILE = ROOT / "docs" / "lifecycle.md"
GUIDE_FILE = ROOT / "docs" / "partner-guide.md"
ENVIRONMENT_FILE = ROOT / "deploy" / "environment"
_LIFECYCLE = """\
# The lifecycle of a journey

Rendered from the table of allowed moves in `domain/lifecycle.py` by `make docs`; change it there.
Each arrow names the journal entry that the move writes. Not drawn, because they are open from many
states: a trainee withdraws in any state before the certificate, and contact can be lost, a journey
be transferred out, ended for fraud or by death in any state before close.

```mermaid
{diagram}```
"""
_ENVIRONMENT = """\
# Every setting of every process, with its default. Rendered from `processes/settings.py` by
# `make docs`; copy it, take the # from what differs, and hand it to the processes as environment.
# Temporal is reached by the SDK's own settings: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
# TEMPORAL_API_KEY, TEMPORAL_TLS_..., TEMPORAL_PROFILE.
"""


def lifecycle() -> str:
    """The text of `docs/lifecycle.md`."""
    return _LIFECYCLE.format(diagram=render_mermaid())


def environment() -> str:
    """The text of `deploy/environment`: each setting as a comment, under what it means."""
    told = _meanings()
    lines = [_ENVIRONMENT]
    for name, field in Settings.model_fields.items():
        lines.extend(f"# {line}" for line in told.get(name, "").splitlines())
        default = "" if field.default is None else field.default
        lines.append(f"#{PREFIX}{name.upper()}={default}")
        lines.append("")
    return "\n".join(lines)


def _meanings() -> dict[str, str]:
    """What stands below each setting in its class."""
    (settings,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(settings, ast.ClassDef)
    meanings = {}
    for before, after in zip(settings.body, settings.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            meanings[before.target.id] = inspect.cleandoc(str(after.value.value))
    return meanings


def main() -> None:
    """Write the files."""
    rendered = (
        (LIFECYCLE_FILE, lifecycle()),
        (GUIDE_FILE, partner_guide()),
        (ENVIRONMENT_FILE, environment()),
    )
    for file, text in rendered:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(f"rendered {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
