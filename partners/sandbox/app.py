"""The sandbox as one application: four services, the control route and the courier."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from domain.model import bounded
from partners.sandbox.answers import Problem, answer_json, problem_answer
from partners.sandbox.control import control_routes
from partners.sandbox.controls import Controls
from partners.sandbox.courier import Courier
from partners.sandbox.desk import Desk
from partners.sandbox.ledger import Ledger
from partners.sandbox.outgoing import Outbox
from partners.sandbox.services import service_routes
from partners.sandbox.settings import SandboxSettings
from partners.sandbox.signing import PartnerSecrets


def create_sandbox(settings: SandboxSettings) -> FastAPI:
    """The sandbox's application; it sends events while it runs.

    Raises:
        SecretsError: the secrets file can't be read.
        ValueError: `events_url` is no http(s) address.
    """
    secrets = PartnerSecrets(settings.secrets_file)
    ledger = Ledger(settings.ledger)
    outbox = Outbox(ledger)
    controls = Controls(ledger)
    courier = Courier(settings, ledger, outbox, controls, secrets)
    desk = Desk(settings, ledger, outbox, controls, courier.wake)

    @asynccontextmanager
    async def run(_: FastAPI) -> AsyncIterator[None]:
        courier.start()
        try:
            yield
        finally:
            await courier.stop()
            ledger.close()

    app = FastAPI(
        title="Journeyman sandbox partners",
        version="1",
        description="Orders and scripts for the partner services that run here. Loopback only: "
        "never expose this process. The services themselves are described in their contracts, "
        "`partners/*/openapi.yaml`.",
        lifespan=run,
    )

    @app.get("/healthz", tags=["health"])
    async def healthz() -> Response:
        """Alive."""
        return answer_json({"status": "ok"})

    app.include_router(service_routes(controls, desk))
    app.include_router(control_routes(ledger, outbox, controls))

    @app.exception_handler(Problem)
    async def told(_: Request, problem: Problem) -> Response:
        return problem_answer(problem)

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, error: RequestValidationError) -> Response:
        found = [
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors()
        ]
        return problem_answer(Problem(422, "invalid_request", bounded("; ".join(found))))

    return app
