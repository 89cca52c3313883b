"""The one door to metrics: what happened is counted here, and nowhere else is the library known.

Without ``prometheus-client`` (the extra ``metrics``) nothing is counted. Labels have few, fixed values; sessions by
status are counted when asked for. With several processes set ``PROMETHEUS_MULTIPROC_DIR`` (``make run`` does), so that
any of them answers for all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

AVAILABLE = find_spec("prometheus_client") is not None

if AVAILABLE:
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
    from prometheus_client.core import GaugeMetricFamily, Metric
    from prometheus_client.multiprocess import MultiProcessCollector
    from prometheus_client.registry import Collector

    process_registry = CollectorRegistry()
    _chunks_received = Counter(
        "resumable_upload_chunks_received", "Chunks stored and recorded.", ["protocol"], registry=process_registry
    )
    _bytes_received = Counter(
        "resumable_upload_bytes_received",
        "Bytes of chunks stored and recorded.",
        ["protocol"],
        registry=process_registry,
    )
    _refusals = Counter("resumable_upload_refusals", "Refused requests by code.", ["code"], registry=process_registry)
    _assemble_seconds = Histogram(
        "resumable_upload_assemble_seconds",
        "Time from taking the lease to the end of an assembly.",
        ["outcome"],
        buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800),
        registry=process_registry,
    )

    class _SessionsByStatus(Collector):
        """The sessions in the database, as they were counted for whoever reads the metrics."""

        def __init__(self, counted: Mapping[str, int]) -> None:
            self._counted = counted

        def collect(self) -> Iterator[Metric]:
            family = GaugeMetricFamily("resumable_upload_sessions", "Upload sessions by status.", labels=["status"])
            for status, count in self._counted.items():
                family.add_metric([status], count)
            yield family

        def describe(self) -> Iterator[Metric]:
            return iter(())


def count_received(protocol: str, size: int) -> None:
    """Bytes were stored by a request that sends them in order."""
    if AVAILABLE:
        _bytes_received.labels(protocol=protocol).inc(size)


def count_chunk(protocol: str, size: int) -> None:
    """A chunk of ``size`` bytes was stored and recorded."""
    if AVAILABLE:
        _chunks_received.labels(protocol=protocol).inc()
        _bytes_received.labels(protocol=protocol).inc(size)


def count_refusal(code: str) -> None:
    """A request was refused with this code."""
    if AVAILABLE:
        _refusals.labels(code=code).inc()


def observe_assembly(outcome: str, seconds: float) -> None:
    """An assembly took so long from taking the lease to its end."""
    if AVAILABLE:
        _assemble_seconds.labels(outcome=outcome).observe(seconds)


def exposition(sessions_by_status: Mapping[str, int]) -> tuple[bytes, str] | None:
    """All metrics in Prometheus' text format, and its content type; None without the library."""
    if not AVAILABLE:
        return None
    registry = CollectorRegistry()
    registry.register(_SessionsByStatus(sessions_by_status))
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(process_registry) + generate_latest(registry), CONTENT_TYPE_LATEST
