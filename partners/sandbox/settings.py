"""What the sandbox is started with; `processes/settings.py` fills it."""

from pathlib import Path

from pydantic import Field

from domain.model import Ref, Word


class SandboxSettings(Word):
    """Where the sandbox keeps its ledger, where it reports to and how fast.

    `events_url` is the address of the API's `/v1/events`. `secrets_file` is a JSON object, partner
    id → `whsec_…`; it is read again when it changes. `issuer` is the partner that issues
    certificates. `pace_s` is the time in seconds between two steps of a partner, 0 for at once.
    `senders` is how many events may be under way at once, `answer_s` how long one waits for its
    answer, `retry_from_s` to `retry_at_most_s` how long one that failed waits before it is sent
    again.
    """

    ledger: Path
    events_url: str
    secrets_file: Path
    issuer: Ref
    pace_s: float = Field(default=0.0, ge=0)
    seed: int = 0
    senders: int = Field(default=32, ge=1, le=1000)
    answer_s: float = Field(default=10.0, gt=0)
    retry_from_s: float = Field(default=0.2, gt=0)
    retry_at_most_s: float = Field(default=5.0, gt=0)
