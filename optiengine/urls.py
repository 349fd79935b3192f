"""Every address the server answers."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("i18n/", include("django.conf.urls.i18n")),  # the admin's language menu
    path("admin/", admin.site.urls),
    path("api/", include("optiengine.api")),
]
