"""$first_name and ${first_name|customer} become {{ customer.first_name | default: "customer" }}."""

import re

from django.db import migrations

NAMES = {
    "first_name": "customer.first_name",
    "last_name": "customer.last_name",
    "customer_id": "customer.id",
    "offer": "offer",
    "campaign": "campaign",
}
OLD_NAMES = {new: old for old, new in NAMES.items()}
# As string.Template read it, with a fallback between braces; and what Liquid would take for its own.
PLACEHOLDER = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*)"
    r"|{(?P<braced>[_a-z][_a-z0-9]*)(?:\|(?P<fallback>[^{}$\r\n]*))?})"
    r"|(?P<opener>\{[{%])",
    re.ASCII | re.IGNORECASE,
)
LIQUID = re.compile(
    r"(?P<dollar>\$)"
    r"|\{\{ (?P<name>[a-z_.]+)(?: \| default: (?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'))? \}\}"
    r"|\{\{ \"(?P<opener>\{[{%])\" \}\}"
)


def to_liquid(text):
    return PLACEHOLDER.sub(_to_liquid, text)


def _to_liquid(match):
    if match["escaped"]:
        return "$"
    if match["opener"]:
        return '{{ "%s" }}' % match["opener"]
    name = NAMES.get(match["named"] or match["braced"])
    if name is None:
        return match[0]  # was not filled in either
    if not match["fallback"]:
        return "{{ %s }}" % name
    fallback = match["fallback"]
    if '"' in fallback and "'" in fallback:  # Liquid has no way to quote both
        fallback = fallback.replace("'", "’")
    quote = "'" if '"' in fallback else '"'
    return "{{ %s | default: %s%s%s }}" % (name, quote, fallback, quote)


def to_placeholders(text):
    return LIQUID.sub(_to_placeholder, text)


def _to_placeholder(match):
    if match["dollar"]:
        return "$$"
    if match["opener"]:
        return match["opener"]
    if match["name"] not in OLD_NAMES:
        return match[0]
    fallback = match["double"] or match["single"]
    return "${%s%s}" % (OLD_NAMES[match["name"]], f"|{fallback}" if fallback else "")


def rewrite(how):
    def operation(apps, schema_editor):
        Action = apps.get_model("campaigns", "Action")
        for action in Action.objects.only("subject", "body").iterator():
            new = how(action.subject), how(action.body)
            if new != (action.subject, action.body):
                Action.objects.filter(pk=action.pk).update(subject=new[0], body=new[1])

    return operation


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0011_liquid_texts")]
    operations = [migrations.RunPython(rewrite(to_liquid), rewrite(to_placeholders))]
