"""The partners' signing secrets, and signing by Standard Webhooks."""

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

_SECRETS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


class SecretsError(Exception):
    """The file of secrets can't be used; the text names the file and what is wrong."""


class PartnerSecrets:
    """Secrets from a JSON file, partner id → `whsec_…`, read again when the file changes.

    A file that can't be read meanwhile leaves the secrets of before in force.
    """

    def __init__(self, file: Path) -> None:
        """Read the file.

        Raises:
            SecretsError: missing, or no JSON object of texts.
        """
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._secrets: dict[str, str] = {}
        self._signers: dict[str, Webhook] = {}
        self._refresh()

    def sign(self, partner: str, event_id: str, at: datetime, body: str) -> str | None:
        """The `webhook-signature` of a body sent at `at`; None for a partner without a secret."""
        self._refresh()
        signer = self._signers.get(partner)
        return None if signer is None else signer.sign(event_id, at.astimezone(UTC), body)

    def secret_of(self, partner: str) -> str | None:
        """A partner's secret, `whsec_…`; None for a partner without one."""
        self._refresh()
        return self._secrets.get(partner)

    def _refresh(self) -> None:
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp == self._stamp:
                return
            secrets = _SECRETS.validate_python(json.loads(self._file.read_bytes()))
            self._signers = {partner: Webhook(secret) for partner, secret in secrets.items()}
            self._secrets = secrets
            self._stamp = stamp
        except (OSError, ValueError, ValidationError, EmptyWebhookSecretError) as error:
            if self._stamp is None:
                raise SecretsError(
                    f"secrets_file {self._file}: {type(error).__name__}; it must be a JSON object, "
                    "partner id → whsec_ and base64"
                ) from None
