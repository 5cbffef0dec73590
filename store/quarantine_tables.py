"""What people decide about events in quarantine, and the tasks that wait for staff."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, text

from store.tables import MOMENT, metadata

OPEN_TASK = "done_at IS NULL"

quarantine_decisions = Table(
    "quarantine_decisions",
    metadata,
    Column("decision_id", Text, primary_key=True),
    Column("receipt", Text, ForeignKey("inbox.receipt"), nullable=False),
    Column("since", MOMENT, nullable=False),
    Column("step", Text, nullable=False),
    Column("by_id", Text, nullable=False),
    Column("by_role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("subject", Text),
    Column("data_corrected", Boolean, nullable=False),
    Column("correction", Text, nullable=False),
    Column("asked_by", Text),
)
"""One line for each word of a person, never changed. `since` says which stay in quarantine it is
about, `subject` and `data_corrected` what was corrected, `correction` is the keyed hash of
what was, by which two persons' words are known to be the same; `asked_by` the first of two."""
Index("ix_quarantine_decisions_receipt", quarantine_decisions.c.receipt, quarantine_decisions.c.at)

tasks = Table(
    "tasks",
    metadata,
    Column("task_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("journey_id", Text),
    Column("partner", Text),
    Column("region", Text, nullable=False),
    Column("raised_at", MOMENT, nullable=False),
    Column("done_at", MOMENT),
    Column("done_by", Text),
)
"""What waits for a person; `about` is an id. `region` is the journey's home, or, where no journey
is known, that of the partner."""
Index("uq_tasks_open", tasks.c.kind, tasks.c.about, unique=True, postgresql_where=text(OPEN_TASK))
Index("ix_tasks_open", tasks.c.raised_at, tasks.c.task_id, postgresql_where=text(OPEN_TASK))
Index("ix_tasks_about", tasks.c.about, postgresql_where=text(OPEN_TASK))

refused_deliveries = Table(
    "refused_deliveries",
    metadata,
    Column("receipt", Text, ForeignKey("inbox.receipt"), primary_key=True),
    Column("times", Integer, nullable=False),
)
"""How often Temporal refused to hand an event to its journey."""
