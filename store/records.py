"""Recording: what one step of a journey says, in one statement and one transaction.

The batch travels as one JSON parameter. Without new references that is a single round trip; with
them, their locks are taken first (`store.quarantine`).

A step is recorded before the engine has kept that it was taken. Where the worker is killed in
between, the step is taken again, and what arrived meanwhile may make it another one under the same
sequence: the later attempt, by the journey's own clock, is the one that the engine goes on from.
It takes the place of what the lost one wrote, and a lost one that writes late changes nothing.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import RecordBatch
from store.quarantine import lock_subjects

CASELOAD_CHANNEL = "caseload"
"""LISTEN channel: the payload is the id of a journey whose line changed."""

_RECORD = text(
    """
    WITH batch AS (SELECT CAST(:batch AS jsonb) AS said),
    retaken AS (
        SELECT 1 FROM journeys, batch
        WHERE journeys.journey_id = said->>'journey_id'
            AND journeys.updated_at < CAST(said->'case'->>'updated_at' AS timestamptz)
            AND journeys.sequence >= COALESCE(
                (
                    SELECT min(e.sequence)
                    FROM jsonb_to_recordset(said->'entries') AS e(sequence int)
                ),
                CAST(said->'case'->>'sequence' AS int) + 1
            )
    ),
    lines AS (
        INSERT INTO journal (
            journey_id, sequence, kind, at, by_id, by_role,
            before, state, detail, rule, receipt, partner
        )
        SELECT said->>'journey_id', e.sequence, e.kind, e.at, e.by->>'id', e.by->>'role',
            e.before, e.state,
            CASE WHEN r.by_id IS NULL THEN e.detail
                ELSE left(concat_ws(
                    ' ', nullif(e.detail, ''),
                    '(released from quarantine by ' || concat_ws(' and ', r.asked_by, r.by_id)
                    || CASE WHEN r.data_corrected THEN ', data corrected: ' ELSE ': ' END
                    || r.reason || ')'
                ), 500) END,
            e.rule, e.receipt, e.partner
        FROM batch, jsonb_to_recordset(said->'entries') AS e(
            sequence int, kind text, at timestamptz, by jsonb,
            before text, state text, detail text, rule text, receipt text, partner text
        )
        LEFT JOIN LATERAL (
            SELECT by_id, asked_by, reason, data_corrected FROM quarantine_decisions
            WHERE receipt = e.receipt AND step = 'released' ORDER BY at DESC LIMIT 1
        ) AS r ON TRUE
        WHERE NOT EXISTS (
            SELECT 1 FROM journeys
            WHERE journeys.journey_id = said->>'journey_id' AND journeys.sequence > 0
                AND journeys.updated_at > CAST(said->'case'->>'updated_at' AS timestamptz)
        )
        ON CONFLICT (journey_id, sequence) DO UPDATE SET
            kind = excluded.kind, at = excluded.at, by_id = excluded.by_id,
            by_role = excluded.by_role, before = excluded.before, state = excluded.state,
            detail = excluded.detail, rule = excluded.rule, receipt = excluded.receipt,
            partner = excluded.partner
        WHERE journal.at < excluded.at
    ),
    given_up AS (
        DELETE FROM journal USING batch
        WHERE journal.journey_id = said->>'journey_id'
            AND journal.sequence > CAST(said->'case'->>'sequence' AS int)
            AND journal.at < CAST(said->'case'->>'updated_at' AS timestamptz)
    ),
    line_on_caseload AS (
        UPDATE journeys SET
            sequence = c.sequence, stage = c.stage, state = c.state, overlays = c.overlays,
            outcome = c.outcome, awaited = c.awaited, partner = c.partner, turn = c.turn,
            due_at = c.due_at, stuck_cause = c.stuck_cause, stuck_since = c.stuck_since,
            updated_at = c.updated_at, closed_at = c.closed_at
        FROM batch, jsonb_to_record(said->'case') AS c(
            sequence int, stage text, state text, overlays text[], outcome text, awaited text[],
            partner text, turn text, due_at timestamptz, stuck_cause text,
            stuck_since timestamptz, updated_at timestamptz, closed_at timestamptz
        )
        WHERE journeys.journey_id = said->>'journey_id'
            AND (
                journeys.sequence = 0
                OR (journeys.updated_at, journeys.sequence) <= (c.updated_at, c.sequence)
            )
    ),
    verdicts AS (
        SELECT r.receipt, r.status, r.superseded_by,
            CASE WHEN r.status = 'quarantined' THEN 'too_early' ELSE r.reason END AS reason,
            CASE WHEN r.status = 'quarantined' THEN r.reason ELSE '' END AS detail
        FROM batch, jsonb_to_recordset(said->'receipts') AS r(
            receipt text, status text, reason text, superseded_by text
        )
        WHERE NOT EXISTS (
            SELECT 1 FROM journeys
            WHERE journeys.journey_id = said->>'journey_id' AND journeys.sequence > 0
                AND journeys.updated_at > CAST(said->'case'->>'updated_at' AS timestamptz)
        ) AND (
            r.status <> 'quarantined' OR NOT EXISTS (
                SELECT 1 FROM quarantine_decisions AS decided
                WHERE decided.receipt = r.receipt AND decided.step = 'released'
                    AND decided.at > CAST(said->'case'->>'updated_at' AS timestamptz)
            )
        )
    ),
    open_receipts AS (
        SELECT inbox.receipt, inbox.status AS before
        FROM inbox JOIN verdicts ON verdicts.receipt = inbox.receipt
        WHERE inbox.receipt = ANY(ARRAY(SELECT receipt FROM verdicts)) AND (
            inbox.status IN ('received', 'delivered', 'buffered')
            OR (inbox.status IN ('applied', 'conflict') AND verdicts.status = 'superseded')
            OR (inbox.status = 'conflict' AND verdicts.status IN ('applied', 'late', 'quarantined'))
            OR (
                verdicts.status <> inbox.status AND EXISTS (SELECT 1 FROM retaken)
                AND (inbox.status <> 'quarantined' OR inbox.reason = 'too_early')
                AND NOT EXISTS (
                    SELECT 1 FROM quarantine_decisions AS decided
                    WHERE decided.receipt = inbox.receipt AND decided.step = 'rejected'
                )
            )
        )
        ORDER BY inbox.receipt
        FOR NO KEY UPDATE OF inbox
    ),
    settled AS (
        UPDATE inbox SET status = verdicts.status, reason = verdicts.reason,
            detail = verdicts.detail, superseded_by = verdicts.superseded_by,
            delivered_at = COALESCE(inbox.delivered_at, now()),
            settled_at = CASE WHEN verdicts.status = 'buffered' THEN NULL ELSE now() END
        FROM open_receipts JOIN verdicts ON verdicts.receipt = open_receipts.receipt
        WHERE inbox.receipt = open_receipts.receipt
        RETURNING inbox.receipt, inbox.status, inbox.reason, open_receipts.before
    ),
    known AS (
        INSERT INTO shared_references (partner, ref, journey_id)
        SELECT f.partner, f.ref, said->>'journey_id'
        FROM batch, jsonb_to_recordset(said->'references') AS f(ref text, partner text)
        ON CONFLICT DO NOTHING
    ),
    shared AS (
        SELECT f.ref, array_agg(f.partner) AS partners
        FROM batch, jsonb_to_recordset(said->'references') AS f(ref text, partner text)
        GROUP BY f.ref
    ),
    looked_at AS (
        UPDATE inbox SET
            status = CASE WHEN inbox.partner = ANY(partners) THEN 'received' ELSE status END,
            reason = CASE WHEN inbox.partner = ANY(partners) THEN '' ELSE 'not_yours' END,
            detail = CASE WHEN inbox.partner = ANY(partners) THEN ''
                ELSE 'another partner shares this reference with us' END,
            settled_at = CASE WHEN inbox.partner = ANY(partners) THEN NULL ELSE settled_at END
        FROM shared
        WHERE inbox.status = 'quarantined' AND inbox.subject = shared.ref
            AND (
                inbox.reason = 'unknown_subject'
                OR (inbox.reason = 'not_yours' AND inbox.partner = ANY(partners))
            )
        RETURNING inbox.receipt, inbox.status, inbox.reason
    ),
    done AS (
        UPDATE tasks SET done_at = now(), done_by = 'journeyman'
        FROM looked_at
        WHERE looked_at.status = 'received' AND tasks.about = looked_at.receipt
            AND tasks.done_at IS NULL
    ),
    audited AS (
        SELECT 'event.released' AS action, receipt, '{}' AS detail
        FROM looked_at WHERE status = 'received'
        UNION ALL
        SELECT 'event.released', receipt, '{}' FROM settled WHERE before = 'quarantined'
        UNION ALL
        SELECT 'event.quarantined', receipt, jsonb_build_object('reason', reason)::text
        FROM (
            SELECT receipt, status, reason FROM looked_at
            UNION ALL SELECT receipt, status, reason FROM settled
        ) AS put_away
        WHERE status = 'quarantined'
    ),
    aims AS (
        SELECT journeys.person_ref, journeys.occupation, journeys.level
        FROM journeys, batch
        WHERE journeys.journey_id = said->>'journey_id'
            AND (
                journeys.sequence = 0
                OR journeys.updated_at <= CAST(said->'case'->>'updated_at' AS timestamptz)
            )
    ),
    modules AS (
        INSERT INTO module_credits AS held (person_ref, module, source, expires)
        SELECT DISTINCT ON (m.module) aims.person_ref, m.module, m.source, m.expires
        FROM aims, batch, jsonb_to_recordset(said->'module_credits') AS m(
            module text, source text, expires date
        )
        ORDER BY m.module, m.expires DESC NULLS FIRST
        ON CONFLICT (person_ref, module) DO UPDATE
        SET source = excluded.source, expires = excluded.expires
        WHERE held.expires < excluded.expires
            OR (held.expires IS NOT NULL AND excluded.expires IS NULL)
    ),
    lost_credits AS (
        SELECT p.component, p.passed_at
        FROM batch, jsonb_to_recordset(said->'lost_credits') AS p(
            component text, passed_at timestamptz
        )
    ),
    components AS (
        INSERT INTO component_credits AS held (person_ref, occupation, level, component, passed_at)
        SELECT aims.person_ref, aims.occupation, aims.level, p.component, max(p.passed_at)
        FROM aims, batch, jsonb_to_recordset(said->'component_credits') AS p(
            component text, passed_at timestamptz
        )
        GROUP BY aims.person_ref, aims.occupation, aims.level, p.component
        ON CONFLICT (person_ref, occupation, level, component) DO UPDATE
        SET passed_at = excluded.passed_at
        WHERE held.passed_at < excluded.passed_at OR EXISTS (
            SELECT 1 FROM lost_credits
            WHERE lost_credits.component = held.component
                AND lost_credits.passed_at = held.passed_at
        )
    ),
    uncredited AS (
        DELETE FROM component_credits AS held USING aims, lost_credits
        WHERE held.person_ref = aims.person_ref AND held.occupation = aims.occupation
            AND held.level = aims.level AND held.component = lost_credits.component
            AND held.passed_at = lost_credits.passed_at
            AND NOT EXISTS (
                SELECT 1
                FROM batch, jsonb_to_recordset(said->'component_credits') AS p(component text)
                WHERE p.component = held.component
            )
    )
    SELECT pg_notify('caseload', said->>'journey_id'),
        (SELECT pg_notify('intake', '') FROM looked_at WHERE status = 'received' LIMIT 1),
        (
            SELECT string_agg(
                audit_append(action, 'journeyman', 'system', receipt, detail)::text, ''
            ) FROM audited
        )
    FROM batch
    """
)


class PostgresJournal:
    """Writes batches; the port that the record activity is given."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def record(self, batch: RecordBatch) -> None:
        """Write the batch in one transaction; writing it again, or late, changes nothing.

        Journal lines are kept by sequence; those of a lost attempt give way to the attempt that
        counts. The line on the caseload only moves forward, in the journey's own time. A receipt
        that is final stays, save for what `ReceiptStatus.may_become` allows. New references release
        the events that their partners sent under them; those of others become `not_yours`. What a
        journey gives up waiting for is quarantined as `too_early`, until the attempt that counts
        says otherwise, and not again by a batch from before its release. A longer-lived credit
        replaces a shorter one; a pass that a correction took away is no credit any more.

        Raises:
            sqlalchemy.exc.IntegrityError: the journey is unknown.
        """
        said = {"batch": batch.model_dump_json()}
        if not batch.references:
            async with self._single.connect() as connection:
                await connection.execute(_RECORD, said)
            return
        async with self._engine.begin() as connection:
            await lock_subjects(connection, [shared.ref for shared in batch.references])
            await connection.execute(_RECORD, said)
