"""Health, readiness and metrics, for a project's root URL configuration."""

from django.urls import path

from .views import operations_views

urlpatterns = [
    path("healthz", operations_views.healthz, name="healthz"),
    path("readyz", operations_views.readyz, name="readyz"),
    path("metrics", operations_views.metrics, name="metrics"),
]
