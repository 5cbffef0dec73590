"""`make docs`: renders into `docs/` what is told by code."""

from pathlib import Path

from domain.lifecycle import render_mermaid

LIFECYCLE_FILE = Path(__file__).parent.parent / "docs" / "lifecycle.md"
_LIFECYCLE = """\
# The lifecycle of a journey

Rendered from the table of allowed moves in `domain/lifecycle.py` by `make docs`; change it there.
Each arrow names the journal entry that the move writes. Not drawn, because they are open from many
states: a trainee withdraws in any state before the certificate, and contact can be lost, a journey
be transferred out, ended for fraud or by death in any state before close.

```mermaid
{diagram}```
"""


def lifecycle() -> str:
    """The text of `docs/lifecycle.md`."""
    return _LIFECYCLE.format(diagram=render_mermaid())


def main() -> None:
    """Write the files."""
    LIFECYCLE_FILE.write_text(lifecycle(), encoding="utf-8")
    print(f"rendered {LIFECYCLE_FILE}")


if __name__ == "__main__":
    main()
