from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from apps.core.openapi.serving import schema_view
from apps.core.views.page import strict_csp

from .login import LimitedLoginView

login = strict_csp(LimitedLoginView.as_view())

urlpatterns = [
    # First, because every chunk looks for it.
    path("api/v1/upload/", include("apps.core.urls_resumable_uploads")),
    path("", include("apps.core.urls_operations")),
    path("", include("apps.core.urls_page")),
    path("login/", login, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    # In front of the admin's own login, which has no limits.
    path("admin/login/", login),
    path("admin/", admin.site.urls),
    path("api/v1/schema/", schema_view, name="schema"),
    path("api/v1/docs/", SpectacularSwaggerSplitView.as_view(), name="docs"),
]

handler400 = "intelliwiz_config.error_pages.bad_request"
handler403 = "intelliwiz_config.error_pages.permission_denied"
handler404 = "intelliwiz_config.error_pages.not_found"
handler500 = "intelliwiz_config.error_pages.server_error"
