from django.contrib import admin

from .models import Subtitle, Video


class SubtitleInline(admin.TabularInline):
    model = Subtitle
    extra = 1


@admin.register(Video)
class VideoAdmin(admin.ModelAdmin):
    list_display = ["title", "file", "added_at"]
    inlines = [SubtitleInline]
