"""Events acknowledged: how many a second against a bare door, and how soon at a steady rate."""

import asyncio
from dataclasses import dataclass
from statistics import median

from bench.house import House, open_door
from bench.journeys import Caseworkers
from bench.senders import Connection, Sender, send_for
from bench.visible import Latency, Tell, evenly, latency
from processes.local_issuer import partner_secrets

PARTNER = "provider-shenzhen-01"
JOURNEYS = 20
"""Journeys that are reported of at the steady rate."""
CONNECTIONS = 24
"""Enough that no door ever waits for a sender."""
STEADY_CONNECTIONS = 16
WARM_UP_S = 2.0


@dataclass(frozen=True)
class Doors:
    """Events acknowledged a second, by ours and by the bare door; each the median of its rounds."""

    ours: float
    bare: float
    ours_rounds: list[float]
    bare_rounds: list[float]


async def measure_doors(rounds: int, seconds: float, tell: Tell) -> Doors:
    """Send as fast as it is acknowledged, to our door and to the bare one in turns."""
    async with open_door() as door:
        secret = partner_secrets(door.run.settings.keys_folder, [PARTNER])[PARTNER]
        sender = Sender(PARTNER, secret, ("jn_" + "0" * 32,))
        ports = {"ours": door.run.settings.api_port, "bare": door.bare_port}
        counted: dict[str, list[float]] = {name: [] for name in ports}
        for port in ports.values():
            await send_for(port, sender.request, seconds=WARM_UP_S, connections=CONNECTIONS)
        for number in range(rounds):
            for name, port in ports.items():
                took = await send_for(
                    port, sender.request, seconds=seconds, connections=CONNECTIONS
                )
                counted[name].append(len(took) / seconds)
            tell(number + 1)
    return Doors(
        ours=median(counted["ours"]),
        bare=median(counted["bare"]),
        ours_rounds=counted["ours"],
        bare_rounds=counted["bare"],
    )


async def measure_steady(
    house: House, caseworkers: Caseworkers, per_second: float, seconds: float, tell: Tell
) -> Latency:
    """How soon events are acknowledged that come at a steady rate, with everything running."""
    subjects = [await caseworkers.open() for _ in range(JOURNEYS)]
    secret = partner_secrets(house.run.settings.keys_folder, [PARTNER])[PARTNER]
    sender = Sender(PARTNER, secret, tuple(subjects))
    port = house.run.settings.api_port
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(STEADY_CONNECTIONS):
        free.put_nowait(await Connection.open(port))
    took: list[float] = []

    async def send() -> None:
        connection = await free.get()
        try:
            took.append(await connection.send(sender.request()))
        finally:
            free.put_nowait(connection)
        tell(len(took))

    await evenly(send, int(per_second * WARM_UP_S), per_second)
    took.clear()
    await evenly(send, int(per_second * seconds), per_second)
    while not free.empty():
        free.get_nowait().close()
    return latency(took)
