"""The menu at the side of the admin: what there is, for those who may see it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from optiengine.docs.places import documentation_of


def _may_see(*permissions: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perms(permissions)


def _item(title: Any, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_see(f"{app}.view_{model}"),
    }


NAVIGATION: list[dict[str, Any]] = [
    {
        "items": [
            {"title": _("Dashboard"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
            {"title": _("Documentation"), "icon": "menu_book", "link": documentation_of},
        ],
    },
    {
        "title": _("Audience"),
        "separator": True,
        "items": [
            _item(_("Customers"), "group", "segments", "customer"),
            _item(_("Events"), "bolt", "segments", "event"),
            _item(_("Waiting for their customer"), "hourglass", "segments", "waitingfact"),
            _item(_("Target groups"), "filter_alt", "segments", "targetgroup"),
            _item(_("Micro-segments"), "bubble_chart", "segments", "microsegment"),
            _item(_("Splits"), "call_split", "segments", "segmentsplit"),
            _item(_("Features"), "function", "segments", "featuredefinition"),
            _item(_("Suppressed addresses"), "unsubscribe", "segments", "suppression"),
            _item(_("Shared addresses"), "group", "segments", "sharedaddress"),
            _item(_("Merges"), "merge", "segments", "customermerge"),
            _item(_("Sign-up forms"), "how_to_reg", "journeys", "signupform"),
            _item(_("Imports"), "upload_file", "segments", "importjob"),
        ],
    },
    {
        "title": _("Campaigns"),
        "separator": True,
        "items": [
            _item(_("Campaigns"), "campaign", "campaigns", "campaign"),
            _item(_("Goals"), "flag", "campaigns", "goal"),
            _item(_("Exclusions"), "block", "campaigns", "exclusion"),
            _item(_("Frequency caps"), "speed", "campaigns", "frequencycap"),
            _item(_("Minimum gaps"), "pace", "campaigns", "minimumgap"),
            _item(_("Quiet hours"), "bedtime", "campaigns", "quiethours"),
            {
                "title": _("Conflicts"),
                "icon": "rule_settings",
                "link": reverse_lazy("admin:campaigns_conflicts"),
                "permission": _may_see("campaigns.view_frequencycap", "campaigns.view_campaign"),
            },
            _item(_("Budgets and volumes"), "account_balance_wallet", "campaigns", "capacitylimit"),
            _item(_("Journeys"), "route", "journeys", "journeymap"),
            _item(_("Approvals"), "approval", "campaigns", "approval"),
            _item(_("Follow-ups"), "account_tree", "campaigns", "followup"),
            _item(_("Tags"), "sell", "campaigns", "tag"),
            _item(_("Minimum evidence"), "science", "campaigns", "minimumevidence"),
            _item(_("Global control group & baseline"), "call_split", "campaigns", "armplan"),
        ],
    },
    {
        "title": _("Decisions & delivery"),
        "separator": True,
        "items": [
            _item(_("Decision runs"), "play_circle", "journeys", "decisionrun"),
            _item(_("Decisions"), "rule", "journeys", "decision"),
            _item(_("Real-time decisions"), "bolt", "journeys", "livedecision"),
            _item(_("Deliveries"), "outbox", "journeys", "delivery"),
            _item(_("Messages"), "forum", "journeys", "contact"),
            _item(_("Outcomes"), "shopping_cart", "journeys", "outcome"),
            _item(_("Call list"), "call", "journeys", "call"),
            _item(_("Channel routes"), "alt_route", "journeys", "channelroute"),
            _item(_("Webhook endpoints"), "webhook", "journeys", "webhookendpoint"),
            _item(_("SFTP targets"), "drive_folder_upload", "journeys", "sftptarget"),
        ],
    },
    {
        "title": _("Reports"),
        "separator": True,
        "items": [
            _item(_("Uplift"), "trending_up", "reports", "uplift"),
            _item(_("Engine impact"), "balance", "reports", "armworth"),
            _item(_("What if"), "psychology_alt", "reports", "whatif"),
            _item(_("Predicted vs. actual value"), "target", "reports", "clvbacktest"),
            _item(_("Segment moves & value"), "grid_on", "reports", "segmentmigration"),
        ],
    },
    {
        "title": _("System"),
        "separator": True,
        "collapsible": True,
        "items": [
            _item(_("Organisation"), "domain", "segments", "organisation"),
            _item(_("Exchange rates"), "currency_exchange", "segments", "exchangerate"),
            _item(_("Users"), "person", "auth", "user"),
            _item(_("Groups"), "groups", "auth", "group"),
            _item(_("API tokens"), "key", "authtoken", "tokenproxy"),
            _item(_("Schedules"), "schedule", "django_q", "schedule"),
            _item(_("Queued tasks"), "pending", "django_q", "ormq"),
            _item(_("Failed tasks"), "error", "django_q", "failure"),
            _item(_("Daily customer data"), "calendar_today", "segments", "statebuild"),
            _item(_("Value models"), "payments", "segments", "clvmodel"),
            _item(_("Capacity balances"), "savings", "journeys", "capacityaccount"),
            _item(_("Limit usage"), "data_usage", "journeys", "capacityuse"),
            _item(_("Uplift models"), "model_training", "journeys", "upliftmodelversion"),
            _item(_("Participants"), "hiking", "journeys", "traveller"),
            _item(_("Events to answer"), "pending_actions", "journeys", "waitingtrigger"),
            _item(_("Split attempts"), "troubleshoot", "journeys", "splitattempt"),
            _item(_("Daily learning"), "school", "journeys", "upliftday"),
        ],
    },
]
