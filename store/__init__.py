"""PostgreSQL: tables, migrations, inbox, outbox, journal, caseload, persons."""
