"""The project's own, with one more app."""

from intelliwiz_config.settings import *  # noqa: F403
from intelliwiz_config.settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [*_APPS, "tests.browser.form_site"]
ROOT_URLCONF = "tests.browser.form_site.urls"
