"""Forms by which people sign up for messages, and sign-ups that wait for their confirmation."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models import Tag
from segments.channel_labels import typed_choices
from segments.models import Customer


class SignUpForm(models.Model):
    """A public page: an address, what is agreed to, and a message to confirm it."""

    name = models.SlugField(
        _("name"), max_length=40, unique=True, help_text=_("Part of the page's address.")
    )
    title = models.CharField(_("title"), max_length=100, help_text=_("Heading of the page."))
    channel = models.CharField(_("channel"), choices=typed_choices, default="email")
    topics = models.ManyToManyField(
        Tag,
        verbose_name=_("topics"),
        blank=True,
        limit_choices_to={"is_topic": True},
        related_name="+",
        help_text=_("Topics the person can choose."),
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    wording = models.TextField(
        _("wording"),
        max_length=2000,
        help_text=_("What the person agrees to. Stored with each consent as its proof."),
    )
    wording_version = models.PositiveIntegerField(_("wording version"), default=1, editable=False)
    valid_hours = models.PositiveSmallIntegerField(
        _("valid for (hours)"),
        default=48,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_("A sign-up not confirmed within this time is deleted."),
    )
    is_open = models.BooleanField(_("accepts sign-ups"), default=True)

    class Meta:
        verbose_name = _("sign-up form")
        verbose_name_plural = _("sign-up forms")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, **kwargs: object) -> None:
        """Another wording is another version of it."""
        before = SignUpForm.objects.filter(pk=self.pk).values_list("wording", "wording_version")
        if known := before.first():
            wording, version = known
            self.wording_version = version + (wording != self.wording)
        super().save(**kwargs)  # type: ignore[arg-type]


class SignUp(models.Model):
    """Somebody asked for messages; whether the address is theirs shows the confirmation."""

    form = models.ForeignKey(SignUpForm, models.CASCADE, related_name="+", verbose_name=_("form"))
    channel = models.CharField(_("channel"), choices=typed_choices)
    address = models.CharField(_("address"), max_length=254, blank=True)
    topics = models.JSONField(_("topics"), default=dict)  # tag id → wanted, of those offered
    # The customer named by a partner system, or who has the address already.
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, related_name="+", verbose_name=_("customer")
    )
    wording = models.TextField(_("wording"))
    wording_version = models.PositiveIntegerField(_("wording version"))
    source = models.CharField(_("source"), max_length=100)
    begun_at = models.DateTimeField(_("begun at"))
    expires_at = models.DateTimeField(_("expires at"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claimed_at = models.DateTimeField(_("last attempt at"), null=True)
    sent_at = models.DateTimeField(_("message sent at"), null=True)
    refused = models.CharField(_("not sent because"), max_length=200, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)

    class Meta:
        verbose_name = _("sign-up")
        verbose_name_plural = _("sign-ups")
        indexes = [
            models.Index(fields=["address", "begun_at"], name="sign_up_address"),
            models.Index(
                fields=["begun_at"],
                name="sign_up_to_send",
                condition=Q(sent_at=None, confirmed_at=None, refused=""),
            ),
            models.Index(
                fields=["expires_at"], name="sign_up_to_forget", condition=Q(confirmed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.form}: {self.pk}"
