"""Signals that a host project can listen to."""

from django.dispatch import Signal

upload_completed = Signal()
"""Sent for each completed upload, after the database has committed, with ``session`` (an ``UploadSession``).

Receivers run in the process that assembled the file. A receiver that raises is logged and does not disturb the upload.
If the server is killed between the commit and the end of the receivers, ``cleanup_expired_uploads`` sends it again: at
least once, and but for that, once.
"""
