"""Prometheus metrics. Labels have few, fixed values; sessions by status are counted when asked for.

With several processes set ``PROMETHEUS_MULTIPROC_DIR`` (``make run`` does), so that any of them answers for all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

process_registry = CollectorRegistry()

chunks_received = Counter(
    "resumable_upload_chunks_received", "Chunks stored and recorded.", ["protocol"], registry=process_registry
)
bytes_received = Counter(
    "resumable_upload_bytes_received", "Bytes of chunks stored and recorded.", ["protocol"], registry=process_registry
)
refusals = Counter("resumable_upload_refusals", "Refused requests by code.", ["code"], registry=process_registry)
assemble_seconds = Histogram(
    "resumable_upload_assemble_seconds",
    "Time from taking the lease to the end of an assembly.",
    ["outcome"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800),
    registry=process_registry,
)


class SessionsByStatus(Collector):
    """Counts the sessions in the database, each time the metrics are read."""

    def collect(self) -> Iterator[Metric]:
        from django.db.models import Count

        from .models import UploadSession

        family = GaugeMetricFamily("resumable_upload_sessions", "Upload sessions by status.", labels=["status"])
        counted = dict(UploadSession.objects.order_by().values_list("status").annotate(Count("pk")))
        for status in UploadSession.Status.values:
            family.add_metric([status], counted.get(status, 0))
        yield family

    def describe(self) -> Iterator[Metric]:
        return iter(())


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(SessionsByStatus())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(process_registry) + generate_latest(registry)
