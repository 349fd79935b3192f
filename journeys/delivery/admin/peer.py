"""Other systems that take messages. Their secrets are entered here and never shown."""

from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from journeys.delivery.admin.send_test import SendsTests
from journeys.delivery.channels.sftp import PRIVATE_KEY, read_host_key, read_private_key
from journeys.models import ChannelRoute, SftpTarget, WebhookEndpoint
from optiengine.lib.outbound import RefusedUrl, check_url

SIGNING_BYTES = range(24, 65)  # of a signing secret, by standardwebhooks.com


class WriteOnly(UnfoldAdminTextareaWidget):
    """Takes a secret and never gives one back, not even what was just typed."""

    def format_value(self, value: Any) -> str:
        return ""


class SecretForm(forms.ModelForm):
    secret = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        strip=True,
        widget=WriteOnly(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_secret(self) -> str:
        secret = self.cleaned_data["secret"]
        if not secret and not self.instance.sealed_secret:
            raise ValidationError(_("Enter a secret."))
        return secret

    def save(self, commit: bool = True) -> Any:
        if secret := self.cleaned_data["secret"]:
            self.instance.set_secret(secret)
        return super().save(commit)


class EndpointForm(SecretForm):
    class Meta:
        model = WebhookEndpoint
        fields = ["name", "url", "secret", "timeout_seconds", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["secret"].help_text = _(
            "The signing key shared with the other system: “whsec_” and 24 to 64 bytes "
            "in base64. Stored encrypted and never shown again. Empty keeps the current "
            "key."
        )

    def clean_url(self) -> str:
        url = self.cleaned_data["url"]
        try:
            check_url(url, allow_http=settings.WEBHOOK_ALLOW_HTTP)
        except RefusedUrl as error:
            raise ValidationError(str(error)) from error
        return url

    def clean_secret(self) -> str:
        secret = super().clean_secret()
        if secret:
            try:
                n_bytes = len(b64decode(secret.removeprefix("whsec_") + "==", validate=False))
            except (NotBase64, ValueError):
                n_bytes = 0
            if n_bytes not in SIGNING_BYTES:
                raise ValidationError(_("Enter “whsec_” followed by 24 to 64 bytes in base64."))
        return secret


class TargetForm(SecretForm):
    class Meta:
        model = SftpTarget
        fields = [
            "name",
            "host",
            "port",
            "host_key",
            "username",
            "secret",
            "folder",
            "is_active",
        ]
        widgets = {"host_key": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["secret"].help_text = _(
            "The password, or a private key without a passphrase. Stored encrypted and "
            "never shown again. Empty keeps the current secret."
        )

    def clean_host_key(self) -> str:
        line = self.cleaned_data["host_key"].strip()
        try:
            read_host_key(line)
        except ValueError as error:
            raise ValidationError(_(str(error))) from error
        return line

    def clean_secret(self) -> str:
        secret = super().clean_secret()
        if secret.startswith(PRIVATE_KEY):
            try:
                read_private_key(secret)
            except ValueError as error:
                raise ValidationError(_(str(error))) from error
        return secret


class PeerAdmin(SendsTests):
    fixed: list[str] = []  # once made: a repeat after a crash must go where the first attempt went

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return self.fixed if obj else []


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(PeerAdmin):
    form = EndpointForm
    fields = EndpointForm.Meta.fields
    list_display = ["name", "url", "timeout_seconds", "is_active"]
    search_fields = ["name"]
    fixed = ["url"]

    def route_of(self, row: WebhookEndpoint) -> tuple[str, int | None]:
        return ChannelRoute.Transport.WEBHOOK, row.pk


@admin.register(SftpTarget)
class SftpTargetAdmin(PeerAdmin):
    form = TargetForm
    fields = TargetForm.Meta.fields
    list_display = ["name", "host", "port", "username", "folder", "is_active"]
    search_fields = ["name", "host"]
    fixed = ["host", "port", "folder"]

    def route_of(self, row: SftpTarget) -> tuple[str, int | None]:
        return ChannelRoute.Transport.SFTP, row.pk
