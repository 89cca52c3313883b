from django.urls import path

from intelliwiz_config.urls import *  # noqa: F403
from intelliwiz_config.urls import urlpatterns as _patterns

from .views import clip, clips, saved

urlpatterns = [
    path("clip/", clip, name="clip"),
    path("clips/", clips, name="clips"),
    path("saved/", saved, name="saved"),
    *_patterns,
]
