from rest_framework import serializers, viewsets
from resumable_uploads.fields.serializers import ResumableFileField

from .models import Video


class VideoSerializer(serializers.ModelSerializer):
    file = ResumableFileField(detail=True)

    class Meta:
        model = Video
        fields = ["id", "title", "file", "added_at"]


class Videos(viewsets.ModelViewSet):
    queryset = Video.objects.all()
    serializer_class = VideoSerializer
