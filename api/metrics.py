"""What Prometheus reads: requests, events received, and the caseload by stage and stuck cause."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from domain.journal import ReceiptStatus
from domain.stages import Stage, StuckCause

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class Metrics:
    """One registry for each app, so that two apps in a process don't count together."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "journeyman_http_requests_total",
            "Requests answered",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "journeyman_http_request_seconds",
            "Time to answer",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._events = Counter(
            "journeyman_events_received_total",
            "Partner events acknowledged, by what was answered",
            ["status"],
            registry=self._registry,
        )
        self._variants = Counter(
            "journeyman_event_variants_total",
            "Other bodies under an event id that came before: refused, to be looked into",
            ["partner"],
            registry=self._registry,
        )
        self._journeys = Gauge(
            "journeyman_journeys", "Journeys by stage", ["stage"], registry=self._registry
        )
        self._stuck = Gauge(
            "journeyman_journeys_stuck",
            "Open journeys that are stuck, by cause",
            ["cause"],
            registry=self._registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request and its time in seconds; `route` is a template, never a path."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def event_received(self, status: ReceiptStatus) -> None:
        """Count an acknowledged event."""
        self._events.labels(status.value).inc()

    def event_variant(self, partner: str) -> None:
        """Count another body under a known event id."""
        self._variants.labels(partner).inc()

    def caseload(self, by_stage: Mapping[Stage, int], by_cause: Mapping[StuckCause, int]) -> None:
        """Set how many journeys there are."""
        for stage in Stage:
            self._journeys.labels(stage.value).set(by_stage.get(stage, 0))
        for cause in StuckCause:
            self._stuck.labels(cause.value).set(by_cause.get(cause, 0))

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
