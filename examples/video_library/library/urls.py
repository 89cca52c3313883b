from django.urls import include, path
from rest_framework.routers import DefaultRouter

from . import api, media, views

router = DefaultRouter()
router.register("videos", api.Videos)

urlpatterns = [
    path("", views.VideoList.as_view(), name="videos"),
    path("add/", views.AddVideo.as_view(), name="add-video"),
    path("videos/<int:pk>/", views.ChangeVideo.as_view(), name="video"),
    path("videos/<int:pk>/delete/", views.DeleteVideo.as_view(), name="delete-video"),
    path("media/<path:name>", media.download),
    path("api/", include(router.urls)),
]
