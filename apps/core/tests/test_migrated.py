from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder

from apps.core.models import UploadSession

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("command", ["cleanup_expired_uploads", "check_uploads"])
def test_a_database_that_is_not_migrated_is_named_as_the_reason(command: str, db: None) -> None:
    MigrationRecorder.Migration.objects.filter(app=UploadSession._meta.app_label).delete()
    with pytest.raises(CommandError, match=r"manage\.py migrate"):
        call_command(command)
