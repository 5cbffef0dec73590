"""PostgreSQL and Temporal for a run on one machine, started and owned by Journeyman itself."""
