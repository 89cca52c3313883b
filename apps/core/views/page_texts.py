"""What the page says, in the language of the request: its scripts have no words of their own.

Values stand in the texts as ``%(name)s`` and are put in by the page, which formats numbers and dates itself.
"""

from __future__ import annotations

from collections.abc import Callable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

PLURAL_SAMPLES = (0, 1, 2, 3, 5, 11, 100)
"""Counts in whose forms a text is given. Every plural category of any language (CLDR: zero, one, two, few, many, other)
has one of them, so the page finds the form of a count by its category."""

TEXTS: dict[str, Promise] = {
    "accepted": _("Up to %(size)s each · %(kinds)s"),
    "archives": _("archives"),
    "audio": _("audio"),
    "documents": _("documents"),
    "images": _("photos"),
    "others": _("others"),
    "videos": _("video"),
    # The sentence of an upload.
    "queued": _("%(size)s · Waiting for its turn"),
    "starting": _("%(size)s · Starting"),
    "uploading": _("%(percentage)s · %(sent)s of %(size)s"),
    "uploading.left": _("%(percentage)s · %(sent)s of %(size)s · %(time)s left"),
    "offline": _("Offline. Goes on by itself when you are back."),
    "waiting": _("%(reason)s Trying again in %(time)s."),
    "waiting.login": _("Waits until you are logged in."),
    "paused": _("Paused · %(sent)s of %(size)s"),
    "verifying": _("%(size)s · Verifying every byte"),
    "completed": _("%(size)s · Stored and verified"),
    "aborted": _("Cancelled"),
    "foreign": _("Belongs to %(owner)s. %(user)s is logged in now."),
    # The map.
    "map.repaired": _("%(stored)s of %(total)s pieces stored, %(repaired)s repaired"),
    "map.stored": _("%(stored)s of %(total)s pieces stored"),
    "map.empty": _("An empty file has no pieces"),
    # What waits.
    "waiting.here": _("%(percentage)s of %(size)s · begun %(time)s, in this browser"),
    "waiting.elsewhere": _("%(percentage)s of %(size)s · begun %(time)s, on another device"),
    "waiting.tab": _("%(percentage)s of %(size)s · in another tab"),
    "waiting.asking": _("The browser asks whether it may read the file …"),
    "waiting.choose": _("Choose the same file again and it resumes where it stopped."),
    "waiting.other": _("This is another file: it has %(size)s, not %(wanted)s."),
    "continue": _("Continue"),
    "choose": _("Choose the file"),
    "discarded": _("Discarded"),
    # What is stored.
    "verified": _("✓ Verified"),
    "unverified": _("Stored, not verified"),
    "deleted": _("Deleted"),
    "nothing.stored": _("Nothing yet."),
    "nothing.found": _("No stored file is called so."),
    "unlisted": _("Your files cannot be listed: %(reason)s"),
    # Details.
    "details.chunks": _("Pieces"),
    "details.speed": _("Speed"),
    "details.speed.value": _("%(speed)s/s"),
    "details.sha256": _("SHA-256"),
    "details.composite": _("SHA-256 of the pieces' SHA-256"),
    "details.link": _("Address"),
    "details.stored": _("Stored"),
    "details.used.by": _("Belongs to"),
    "in.use": _("In use"),
    "cancel": _("Cancel"),
    "copy": _("Copy"),
    "copied": _("Copied"),
    "delete": _("Delete"),
    # Buttons, for those who hear the page: what, and of which file.
    "button.pause": _("Pause %(name)s"),
    "button.resume": _("Resume %(name)s"),
    "button.retry": _("Retry %(name)s"),
    "button.cancel": _("Cancel %(name)s"),
    "button.dismiss": _("Dismiss %(name)s"),
    "button.details": _("Details of %(name)s"),
    "button.continue": _("Continue %(name)s"),
    "button.choose": _("Continue %(name)s: choose the file"),
    "button.discard": _("Discard %(name)s"),
    "button.undo": _("Undo: %(name)s"),
    "button.download": _("Download %(name)s"),
    "button.delete": _("Delete %(name)s"),
    "progress": _("Progress of %(name)s"),
    "map": _("Pieces of %(name)s"),
    # The sentence on top.
    "overview.left": _("%(what)s · %(time)s left"),
    "overview.paused": _("Paused"),
    "overview.offline": _("Offline · goes on by itself"),
    "overview.login": _("Waits until you are logged in"),
    "overview.bytes": _("%(sent)s of %(size)s"),
    "overview.title": _("%(percentage)s · %(title)s"),
    # Notices and announcements.
    "empty.folder": _("The folder %(name)s is empty."),
    "empty.drop": _("There was no file in that."),
    "unreadable": _("%(name)s cannot be read."),
    "pasted": _("pasted %(time)s"),
    "announce.stored": _("%(name)s is stored and verified."),
    "announce.failed": _("%(name)s could not be uploaded: %(reason)s"),
    "announce.offline": _("Offline. Uploads go on by themselves when you are back."),
    "announce.deleted": _("%(name)s is deleted."),
    "announce.undo": _("%(name)s: %(what)s. You can undo this."),
    "logged.out": _("You are logged out. Uploads go on when you are logged in again."),
    "logged.other": _("%(user)s is logged in now. The uploads of %(owner)s wait until %(owner)s is back."),
    # Errors, by their code; the server's own words where there is none.
    "error.aborted": _("The upload was stopped."),
    "error.composite_mismatch": _("The stored file is not the one you sent."),
    "error.content_refused": _("The content of this file is not accepted."),
    "error.executable_refused": _("Programs are not accepted here."),
    "error.extension_not_allowed": _("%(suffix)s files are not accepted. Accepted are: %(kinds)s."),
    "error.no_suffix": _("The name has no ending, as in .pdf, so the file cannot be accepted."),
    "error.file_changed": _("The file has changed. Choose it again."),
    "error.file_unreadable": _("The file cannot be read any more. Choose it again."),
    "error.hash_mismatch": _("The stored file is not the one you sent."),
    "error.network_error": _("The server cannot be reached."),
    "error.not_an_upload_server": _("There is no upload service here."),
    "error.not_authenticated": _("You are not logged in."),
    "error.other_version": _("The file has changed."),
    "error.proxy_limit": _("Something on the way takes no such large requests."),
    "error.quota_exceeded": _("There is no room left for you. Delete something first."),
    "error.redirected": _("The server is elsewhere."),
    "error.session_cancelled": _("The upload was cancelled elsewhere."),
    "error.session_expired": _("The upload expired."),
    "error.stalled": _("The connection stands still."),
    "error.storage_full": _("The server has no room at the moment."),
    "error.throttled": _("The server is busy."),
    "error.too_large": _("The file has %(size)s. Files may have at most %(limit)s."),
    "error.type_mismatch": _("The content is not that of a %(suffix)s file."),
    "error.unavailable": _("The server is busy."),
    "error.unexpected_answer": _("The server has trouble at the moment."),
    "error.internal_error": _("The server has trouble at the moment."),
    "error.unexpected": _("Something went wrong."),
}

PLURALS: dict[str, Callable[[int], str]] = {
    "overview.uploading": lambda n: ngettext("Uploading %(count)s file", "Uploading %(count)s files", n),
    "overview.stored": lambda n: ngettext("%(count)s file is stored", "%(count)s files are stored", n),
    "overview.failed": lambda n: ngettext(
        "%(count)s file could not be uploaded", "%(count)s files could not be uploaded", n
    ),
    "overview.done": lambda n: ngettext("%(count)s done", "%(count)s done", n),
    "overview.needs": lambda n: ngettext("%(count)s needs you", "%(count)s need you", n),
    "repaired": lambda n: ngettext("%(count)s damaged piece repaired", "%(count)s damaged pieces repaired", n),
    "announce.many.stored": lambda n: ngettext(
        "%(count)s file is stored and verified.", "%(count)s files are stored and verified.", n
    ),
    "announce.many.failed": lambda n: ngettext(
        "%(count)s file could not be uploaded.", "%(count)s files could not be uploaded.", n
    ),
    "ignored": lambda n: ngettext(
        "%(count)s hidden file of the system was left out.", "%(count)s hidden files of the system were left out.", n
    ),
}


def page_texts() -> dict[str, str | dict[int, str]]:
    """All texts in the active language: a text, or for those that depend on a count a form for each sample of it."""
    texts: dict[str, str | dict[int, str]] = {key: str(text) for key, text in TEXTS.items()}
    for key, form in PLURALS.items():
        texts[key] = {sample: form(sample) for sample in PLURAL_SAMPLES}
    return texts
