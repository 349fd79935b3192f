"""Every address the server answers."""

import anymail.urls
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from campaigns.pages import views
from journeys.signups.pages import confirm_page, sign_up_page
from optiengine.dashboard import stop_view, worth_view

admin.site.index_title = _("Dashboard")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("i18n/", include("django.conf.urls.i18n")),  # the admin's language menu
    path("admin/stop-sending/", admin.site.admin_view(stop_view), name="stop_sending"),
    path("admin/worth/", admin.site.admin_view(worth_view), name="worth"),
    path("admin/", admin.site.urls),
    path("u/<str:token>/", views.unsubscribe, name="unsubscribe"),
    path("p/<str:token>/", views.preferences, name="preferences"),
    path("s/<slug:name>/", sign_up_page, name="sign_up"),
    path("c/<str:token>/", confirm_page, name="confirm_sign_up"),
    path("api/", include("optiengine.api")),
    path("docs/", include("optiengine.docs.views")),
]

# Reports of the configured e-mail service provider, and only if it must authenticate.
if settings.ANYMAIL_ESP and settings.ANYMAIL.get("WEBHOOK_SECRET"):
    tracking = f"{settings.ANYMAIL_ESP}_tracking_webhook"
    reports = [view for view in anymail.urls.urlpatterns if view.name == tracking]
    urlpatterns.append(path("anymail/", include((reports, "anymail"))))
