"""When a partner's service refuses a request: a person corrects it, or switches partner."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from domain.commands import PartnerKind
from domain.stages import StuckCause, Turn
from workflows.desk import Desk
from workflows.waits import Heard, Instruction, ServiceRefused, Wait

Answer = TypeVar("Answer")


async def until_accepted(
    desk: Desk,
    service: str,
    activity: Callable[[Any, Any], Coroutine[Any, Any, Answer]],
    request: Callable[[], Any],
    *switches: PartnerKind,
) -> Answer | Instruction:
    """Ask until the service takes the request, or a person switches to another partner.

    Each try after a refusal is a request of its own, under its own idempotency key.

    Returns:
        The service's answer, or the instruction to switch.
    """
    while True:
        asked = request()
        answer = await desk.call(service, activity, asked)
        if not isinstance(answer, ServiceRefused):
            return answer
        heard: Heard = await desk.hear(
            Wait(
                key=f"refused:{asked.idempotency_key}",
                needed=f"correction:{answer.code}",
                orders=("retry", "switch") if switches else ("retry",),
                switches=switches,
                partner=asked.partner,
                within=desk.policy.plan.decided_within,
                cause=StuckCause.DATA_REJECTED,
                turn=Turn.STAFF,
                stuck_at_once=True,
            )
        )
        if isinstance(heard, Instruction) and heard.order.command.name == "switch":
            return heard
        desk.tell_retried(heard)
