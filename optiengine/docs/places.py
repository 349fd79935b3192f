"""Which part of the documentation the menu opens from a page of the admin."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language

START = "index"
# By the name of the admin's address, without "changelist", "change", "add" and the like.
PLACES = {
    "campaigns_armplan": "reference/limits#control-and-the-global-control-group",
    "campaigns_approval": "how-to/launch-safely",
    "campaigns_campaign": "explanation/decisions",
    "campaigns_capacitylimit": "reference/limits#budgets-and-volume-limits",
    "campaigns_conflicts": "reference/limits",
    "campaigns_exclusion": "reference/limits#exclusions",
    "campaigns_followup": "reference/limits#repetition",
    "campaigns_frequencycap": "reference/limits#frequency-caps",
    "campaigns_goal": "reference/fields#goals",
    "campaigns_minimumevidence": "reference/fields#minimum-evidence",
    "campaigns_minimumgap": "reference/limits#minimum-gaps",
    "campaigns_quiethours": "reference/limits#quiet-hours",
    "campaigns_tag": "reference/fields#tags",
    "journeys_channelroute": "reference/messages#channel-routes",
    "journeys_decision": "how-to/explain-a-decision",
    "journeys_delivery": "reference/messages#channel-routes",
    "journeys_journeymap": "reference/journeys",
    "journeys_outcome": "reference/statistics#outcomes",
    "journeys_sftptarget": "reference/messages#files",
    "journeys_traveller": "reference/journeys#faults",
    "journeys_webhookendpoint": "reference/messages#webhooks",
    "reports_armworth": "reference/statistics#engine-impact",
    "reports_clvbacktest": "reference/statistics#customer-value",
    "reports_segmentmigration": "reference/statistics#customer-value",
    "reports_uplift": "reference/statistics#uplift-report",
    "reports_whatif": "reference/statistics#what-if",
    "segments_importjob": "reference/csv",
    "segments_featuredefinition": "reference/fields#features",
    "segments_organisation": "reference/fields#organisation",
    "segments_segmentsplit": "reference/statistics#segment-splits",
    "segments_suppression": "reference/messages#unsubscribing-and-feedback",
    "segments_targetgroup": "reference/fields#target-groups",
}


def documentation_of(request: HttpRequest) -> str:
    """Address of the part that describes the page, else of the first page; in its language."""
    name = (request.resolver_match and request.resolver_match.url_name) or ""
    page_and_anchor = PLACES.get(name) or PLACES.get(name.rpartition("_")[0], START)
    page, _, anchor = page_and_anchor.partition("#")
    prefix = "" if get_language() == "en" else f"{get_language()}/"
    address = reverse("documentation_page", args=[f"{prefix}{page}.html"])
    return f"{address}#{anchor}" if anchor else address
