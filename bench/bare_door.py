"""What our door is measured against: bare FastAPI that keeps an event by one insert of asyncpg.

`python -m bench.bare_door <port> <address of the database>`. It reads no signature, looks nobody
up, seals nothing and writes no audit line; it answers after the commit, as ours does.
"""

import asyncio
import hashlib
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy.engine import make_url

from processes.embedded.ports import LOOPBACK

CONNECTIONS = 10
"""As many as our API holds by default."""
_TABLE = """
CREATE TABLE IF NOT EXISTS bare_inbox (
    receipt text PRIMARY KEY, arrival bigint GENERATED ALWAYS AS IDENTITY, source text NOT NULL,
    event_id text NOT NULL, type text NOT NULL, subject text NOT NULL, body_hash text NOT NULL,
    body bytea NOT NULL, received_at timestamptz NOT NULL, status text NOT NULL,
    UNIQUE (event_id, source)
)
"""
_INSERT = """
INSERT INTO bare_inbox (
    receipt, source, event_id, type, subject, body_hash, body, received_at, status
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'received')
ON CONFLICT (event_id, source) DO NOTHING
"""


def create_bare_door(database_url: str) -> FastAPI:
    """The application; it makes its table when it starts."""
    url = make_url(database_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            user=url.username,
            database=url.database,
            host=str(url.query.get("host", url.host)),
            min_size=CONNECTIONS,
            max_size=CONNECTIONS,
        ) as pool:
            await pool.execute(_TABLE)
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None)

    @app.get("/healthz")
    async def healthz() -> str:
        await asyncio.sleep(0)
        return "ok"

    @app.post("/v1/events", status_code=202)
    async def receive_event(request: Request) -> Response:
        body = await request.body()
        event = orjson.loads(body)
        receipt = f"rc_{secrets.token_hex(16)}"
        await app.state.pool.execute(
            _INSERT,
            receipt,
            event["source"],
            event["id"],
            event["type"],
            event["subject"],
            hashlib.sha256(body).hexdigest(),
            body,
            datetime.now(UTC),
        )
        return Response(
            orjson.dumps({"receipt": receipt, "status": "received"}),
            status_code=202,
            media_type="application/json",
        )

    return app


def main(port: int, database_url: str) -> None:
    """Serve until told to stop."""
    uvicorn.run(
        create_bare_door(database_url),
        host=LOOPBACK,
        port=port,
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
