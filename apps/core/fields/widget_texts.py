"""What the upload field says, in the language of the request: its script has no words of its own.

Values stand in the texts as ``%(name)s`` and are put in by the script, which formats numbers itself.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEXTS: dict[str, Promise] = {
    # Where a file is chosen.
    "choose.one": _("Choose a file"),
    "choose.several": _("Choose files"),
    "choose.other": _("Choose another file"),
    "drop.one": _("or drop it here"),
    "drop.several": _("or drop them here"),
    "up.to": _("up to %(size)s"),
    "kind.audio": _("audio"),
    "kind.image": _("photos"),
    "kind.text": _("text"),
    "kind.video": _("video"),
    "refused.several": _("Only one file can be chosen here."),
    "refused.empty": _("%(name)s is empty."),
    "refused.size": _("%(name)s has %(size)s. Files may have at most %(limit)s."),
    "refused.type": _("%(name)s is not accepted here. Accepted are: %(kinds)s."),
    "refused.folder": _("There was no file in that."),
    # The sentence of an upload.
    "queued": _("%(size)s · Waiting for its turn"),
    "starting": _("%(size)s · Starting"),
    "uploading": _("%(percentage)s · %(sent)s of %(size)s"),
    "uploading.left": _("%(percentage)s · %(sent)s of %(size)s · %(time)s left"),
    "waiting": _("%(percentage)s · Waiting for the network. Resumes by itself."),
    "waiting.server": _("%(percentage)s · %(reason)s Resumes by itself."),
    "waiting.login": _("You are logged out. Log in again in another tab, and the upload resumes by itself."),
    "paused": _("Paused · %(sent)s of %(size)s"),
    "verifying": _("%(size)s · Verifying every byte"),
    "completed": _("✓ Verified"),
    "completed.size": _("%(verified)s · %(size)s"),
    "offered": _("%(percentage)s of %(size)s there. Choose the same file again and it resumes where it stopped."),
    "offered.reopens": _("%(percentage)s of %(size)s there. It resumes where it stopped."),
    "offered.unasked": _("Not finished. Choose the same file again and it resumes where it stopped."),
    "offered.asking": _("The browser asks whether it may read the file …"),
    "progress": _("Progress of %(name)s"),
    # Buttons, and what they are called for those who hear the page.
    "pause": _("Pause"),
    "resume": _("Resume"),
    "retry": _("Retry"),
    "remove": _("Remove"),
    "button.pause": _("Pause %(name)s"),
    "button.resume": _("Resume %(name)s"),
    "button.retry": _("Retry %(name)s"),
    "button.remove": _("Remove %(name)s"),
    # Saving the form.
    "save.waits": _("Can be saved when the upload is done."),
    "save.follows": _("Will be saved when the upload is done."),
    "save.failed": _("Not saved: the upload failed."),
    "save.not.yet": _("Do not save yet"),
    "invalid.failed": _("This upload failed. Try it again, or remove it."),
    # Announcements.
    "announce.completed": _("%(name)s is uploaded and verified."),
    "announce.failed": _("%(name)s could not be uploaded: %(reason)s"),
    "announce.waiting": _("%(name)s waits: %(reason)s"),
    # Errors, by their code; the server's own words where there is none.
    "error.composite_mismatch": _("The stored file is not the one you sent."),
    "error.content_refused": _("The content of this file is not accepted."),
    "error.executable_refused": _("Programs are not accepted here."),
    "error.file_changed": _("The file has changed. Choose it again."),
    "error.file_unreadable": _("The file cannot be read any more. Choose it again."),
    "error.hash_mismatch": _("The stored file is not the one you sent."),
    "error.internal_error": _("The server has trouble at the moment."),
    "error.network_error": _("The server cannot be reached."),
    "error.no_reference": _("The server takes no files for this field."),
    "error.not_an_upload_server": _("There is no upload service here."),
    "error.not_authenticated": _("You are not logged in."),
    "error.other_version": _("The file has changed."),
    "error.proxy_limit": _("Something on the way takes no such large requests."),
    "error.purpose_expired": _("This page is too old. Reload it, and choose the file again."),
    "error.purpose_invalid": _("The server does not know this field. Reload the page."),
    "error.quota_exceeded": _("There is no room left for you. Delete something first."),
    "error.redirected": _("The server is elsewhere."),
    "error.session_cancelled": _("The upload was cancelled elsewhere."),
    "error.session_expired": _("The upload expired."),
    "error.stalled": _("The connection stands still."),
    "error.storage_full": _("The server has no room at the moment."),
    "error.throttled": _("The server is busy."),
    "error.unavailable": _("The server is busy."),
    "error.unexpected": _("Something went wrong."),
    "error.unexpected_answer": _("The server has trouble at the moment."),
}


def widget_texts() -> dict[str, str]:
    """All texts in the active language."""
    return {key: str(text) for key, text in TEXTS.items()}
