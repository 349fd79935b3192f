"""What a message may be filled in with; the language is in optiengine.lib.text_template."""

from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from optiengine.lib.text_template import Variables

MEANINGS = {
    "customer.first_name": gettext_lazy("first name"),
    "customer.last_name": gettext_lazy("last name"),
    "customer.id": gettext_lazy("the customer's ID in your own systems"),
    "customer.language": gettext_lazy("language"),
    "customer.country": gettext_lazy("country, as an ISO 3166 code"),
    "customer.birth_date": gettext_lazy(
        "birth date as YYYY-MM-DD, or --MM-DD if the year is unknown; use the “date” "
        "filter for another format"
    ),
    "offer": gettext_lazy("the action's offer"),
    "campaign": gettext_lazy("the campaign's name"),
    "unsubscribe_url": gettext_lazy("link to the unsubscribe page"),
    "preferences_url": gettext_lazy("link to the customer's preference page"),
}
LINKS = ("unsubscribe_url", "preferences_url")  # there are none without the setting PUBLIC_URL
ATTRIBUTES = "customer.attributes"
VARIABLES = Variables(tuple(MEANINGS), (ATTRIBUTES,))


def _help() -> SafeString:
    meanings = MEANINGS | {
        f"{ATTRIBUTES}.NAME": gettext_lazy("the attribute NAME; empty if unknown")
    }
    rows = [(f"{{{{ {name} }}}}", meaning) for name, meaning in meanings.items()]
    return format_html(
        '<div class="oe-help">{}<details><summary>{}</summary><ul>{}</ul>{}</details></div>',
        _("A Liquid template: placeholders in double braces are filled in for each customer."),
        _("Available placeholders"),
        format_html_join("", "<li><code>{}</code> {}</li>", rows),
        format_html(
            "<p><code>{}</code><br><code>{}</code><br><code>{}</code></p>",
            '{{ customer.first_name | default: "customer" }}',
            '{{ customer.birth_date | date: "%d.%m." }}',
            '{% if customer.attributes.club == "gold" %} … {% else %} … {% endif %}',
        ),
    )


help_on_variables = lazy(_help, SafeString)
