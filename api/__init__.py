"""The door: partner events in, staff commands and queries, problems, tokens."""
