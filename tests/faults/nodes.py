"""Two nodes on one PostgreSQL and one bucket behind nginx, killed in turn while many upload through them.

Nothing acknowledged may be lost, no file may be wrong, nothing may be stuck. It needs what ``tests/test_two_nodes.py``
needs: ``POSTGRESQL_URL``, ``S3_URL`` and nginx.
"""

from __future__ import annotations

import os
import subprocess
import time

from ..server_process import ServerProcess
from ..test_nginx import NGINX
from ..two_nodes import Cluster, cluster
from .cluster_load import ClusterLoad
from .context import Context
from .report import KILLS, STUCK, WRONG, Report


def run(context: Context) -> Report:
    report = Report("nodes")
    if missing := missing_parts():
        report.note(f"left out: it needs {missing}")
        return report
    with cluster(context.directory) as nodes:
        with ClusterLoad(nodes, report, context.seed) as load:
            time_left = context.time_left()
            while time_left():
                time.sleep(context.random.uniform(0.2, 2.0))
                _kill_and_start(context.random.choice(nodes.nodes), report)
                load.verify()
        require_nothing_left(nodes, report)
    return report


def missing_parts() -> str:
    """What two nodes need and is not here."""
    missing = [name for name in ("POSTGRESQL_URL", "S3_URL") if not os.environ.get(name)]
    return ", ".join([*missing, *(["nginx"] if NGINX is None else [])])


def _kill_and_start(node: ServerProcess, report: Report) -> None:
    node.kill()
    report.count(KILLS)
    node.start()


def require_nothing_left(nodes: Cluster, report: Report) -> None:
    """Nothing is under way for good, and every file is what its row says."""
    first = nodes.nodes[0]
    time.sleep(20)  # Leases of what was killed last are over.
    said = first.run("manage.py", "cleanup_expired_uploads", "--verbose")
    report.note(said.replace("\n", "; ")[:300])
    script = (
        "import django; django.setup(); from apps.core.models import UploadSession as S; "
        "print(S.objects.filter(status__in=('assembling', 'removing')).count())"
    )
    if first.run("-c", script).strip() != "0":
        report.defect("sessions are stuck", STUCK)
    try:
        first.run("manage.py", "check_uploads", "--rehash")
    except subprocess.CalledProcessError as error:
        report.defect(f"check_uploads: {error.stdout} {error.stderr}", WRONG)
