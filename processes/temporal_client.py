"""How a process reaches Temporal."""

from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime

from processes.embedded.ports import LOOPBACK
from processes.embedded.temporal import DEFAULT_NAMESPACE
from processes.settings import Settings

_CONVERTERS = tuple(PydanticPayloadConverter().converters.values())


class _OnePayloadConverter(CompositePayloadConverter):
    """Pydantic's, once a process: the SDK asks for a new one with each journey and each task, which
    would look into every type anew."""

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


DATA_CONVERTER = DataConverter(payload_converter_class=_OnePayloadConverter)
"""How payloads are read and written: the domain's words as JSON, without regard to a context."""


def temporal_connection(settings: Settings) -> ClientConnectConfig:
    """The embedded server of this run, or what the SDK's own settings say.

    Those are `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS…`,
    `TEMPORAL_PROFILE` and the profile file; an embedded run leaves them alone.
    """
    if settings.is_embedded:
        return ClientConnectConfig(
            target_host=f"{LOOPBACK}:{settings.temporal_port}", namespace=DEFAULT_NAMESPACE
        )
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "localhost:7233")
    config.setdefault("namespace", DEFAULT_NAMESPACE)
    return config


async def connect_temporal(
    settings: Settings, *, lazy: bool = False, runtime: Runtime | None = None
) -> Client:
    """A client that speaks the domain's words.

    Args:
        settings: say whether this is the embedded run.
        lazy: connect at the first call, for a process that works while Temporal is away.
        runtime: the SDK's runtime with this process's metrics; the default one where None.

    Raises:
        RuntimeError: where Temporal can't be reached, and the client is not lazy.
    """
    return await Client.connect(
        **temporal_connection(settings),
        data_converter=DATA_CONVERTER,
        lazy=lazy,
        runtime=runtime,
    )
