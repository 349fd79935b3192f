from collections.abc import Iterator
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.message_variables import LINKS, VARIABLES
from optiengine.lib.text_scan import TextError
from optiengine.lib.text_template import TextTemplate, read_text
from segments.channel_labels import channel_choices
from segments.channels import CHANNELS, inbound_channels

TEXTS = {"subject": _("subject line"), "body": _("text"), "html": _("HTML")}


class Action(models.Model):
    """One thing we can do for a customer: a message and offer through a channel, at a cost."""

    campaign = models.ForeignKey(
        "campaigns.Campaign", models.CASCADE, related_name="actions", verbose_name=_("campaign")
    )
    name = models.CharField(_("name"), max_length=80)
    channel = models.CharField(_("channel"), choices=channel_choices)
    cost_cents = models.DecimalField(
        _("cost in cents"),
        max_digits=10,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
        help_text=_(
            "Cost per message, including the expected discount of the offer if you know it."
        ),
    )
    offer = models.CharField(_("offer"), max_length=100, blank=True)
    subject = models.CharField(_("subject line"), max_length=300, blank=True)
    body = models.TextField(
        _("text"),
        blank=True,
        help_text=_("For e-mails, this is the plain-text version shown when HTML is not."),
    )
    html = models.TextField(
        _("HTML"),
        blank=True,
        help_text=_(
            "E-mail only, sent together with the text. Values of placeholders are escaped."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("action")
        verbose_name_plural = _("actions")
        ordering = ["campaign", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "name"], name="action_named_once"),
            models.CheckConstraint(
                condition=models.Q(cost_cents__gte=0), name="action_cost_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign}: {self.name}"

    def clean(self) -> None:
        # Browsers send line breaks their own way: an unchanged text shall stay the same text.
        self.body, self.html = (text.replace("\r\n", "\n") for text in (self.body, self.html))
        errors = dict(self._text_problems())
        if self.html and not self.has_subject:
            errors.setdefault("html", []).append(str(_("Only e-mails can have an HTML part.")))
        if errors:
            raise ValidationError(errors)

    @property
    def is_inbound(self) -> bool:
        """Whether it answers somebody who came to us, rather than being sent."""
        return self.channel in inbound_channels()

    @property
    def has_subject(self) -> bool:
        """Whether its messages have a subject and may have an HTML part."""
        return self.channel in CHANNELS and CHANNELS[self.channel].has_subject

    def problems(self) -> list[str]:
        """What keeps the action from being sent, in sentences."""
        faults = []
        if self.has_subject and not (self.subject and self.body):
            faults.append(
                str(_("Action “%s” is an e-mail and needs a subject and a text.") % self.name)
            )
        for field, problems in self._text_problems():
            text = _("Action “%(action)s”, %(field)s: %(problem)s")
            words = {"action": self.name, "field": TEXTS[field]}
            faults += [str(text % {**words, "problem": problem}) for problem in problems]
        return faults

    def missing_links(self) -> list[str]:
        """Why its messages could not leave this installation, in sentences: nobody gets one whose
        way out leads nowhere."""
        if settings.PUBLIC_URL:
            return []
        used = {name for text in self._read_texts() for name in text.names}
        sentence = _(
            "Action “%(action)s” uses “%(name)s”, which needs the setting PUBLIC_URL. "
            "Without it, its messages will fail."
        )
        return [
            str(sentence % {"action": self.name, "name": name}) for name in LINKS if name in used
        ]

    def _read_texts(self) -> Iterator[TextTemplate]:
        """Those that can be read."""
        for field in TEXTS:
            try:
                yield read_text(getattr(self, field), VARIABLES, is_html=field == "html")
            except TextError:
                continue

    def _text_problems(self) -> Iterator[tuple[str, list[str]]]:
        """Fields that cannot be filled in, with what is wrong in them."""
        for field in TEXTS:
            try:
                read_text(getattr(self, field), VARIABLES, is_html=field == "html")
            except TextError as error:
                yield field, error.problems
