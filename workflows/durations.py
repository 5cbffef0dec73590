"""How the engine waits and retries; each limit with its reason. A region's durations are policy."""

from datetime import timedelta

from temporalio.common import RetryPolicy

from domain.policy import CallRules

RECORD_WITHIN = timedelta(seconds=5)
"""A local activity that waits longer writes heartbeats into the history."""
RECORD_LOCALLY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), backoff_coefficient=2, maximum_attempts=3
)
"""Three quick tries; then PostgreSQL is away, and a remote activity waits for it."""
RECORD_REMOTELY_WITHIN = timedelta(seconds=30)
RECORD_PATIENTLY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=10),
)
"""For as long as PostgreSQL is away: nothing goes on unrecorded."""


def call_retries(rules: CallRules) -> RetryPolicy:
    """Silence and 5xx are retried for as long as it takes, with capped back-off."""
    longest = timedelta(seconds=rules.retry_at_most_every.seconds)
    return RetryPolicy(
        initial_interval=min(timedelta(seconds=1), longest),
        backoff_coefficient=2,
        maximum_interval=longest,
    )


def call_within(rules: CallRules) -> timedelta:
    """How long one try may take, the way to the service included."""
    return timedelta(seconds=rules.answer_within.seconds)
