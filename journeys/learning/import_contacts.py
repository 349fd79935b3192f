"""The import of contact history: who was contacted, or kept as control, by another system.

A contact is a fact of the ledger that reports and learning read: it is never changed, so a row
that says something else about a stored contact is rejected in every mode. Imported contacts are
of the baseline arm, because our optimiser did not decide them.
"""

from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.sql import quote

from campaigns.models import Action, Arm, Campaign, Goal
from journeys.models import Contact
from segments.channels import CHANNELS
from segments.events.waiting_facts import FOUND as WAITED
from segments.events.waiting_facts import expiry_sql, find_customers
from segments.imports import fields as read
from segments.imports.fields import Field
from segments.imports.import_customers import CUSTOMER_ID_ALIASES, reject_by_mode
from segments.imports.import_events import make_or_reject_customers, make_partitions
from segments.imports.named_customers import (
    customer_name_fields,
    customer_name_outputs,
    keep_waiting,
    name_as_written,
    name_customers,
)
from segments.imports.spec import (
    ImportCounts,
    ImportPlan,
    ImportSpec,
    RacedByOthers,
)
from segments.imports.staging import CHECKED, count, reject
from segments.imports.values.yes_no import NO, YES
from segments.models import WaitingFact
from segments.shapes import EARLIEST_EVENT

CONTROL = ("control", "c", "holdout", "ghost", *YES)
TEST = ("test", "treatment", "treated", "target", *NO)
FOUND = "import_found"  # checked rows with the ids of what they name
CONTENT = {  # what a waiting message says, and the types of its columns
    "campaign": "text",
    "action": "text",
    "as_of": "date",
    "reserved_at": "timestamptz",
    "is_control": "boolean",
    "assignment_prob": "float8",
    "control_share": "float8",
}


def contact_fields(plan: ImportPlan) -> list[Field]:
    return [
        *customer_name_fields(plan, (*CUSTOMER_ID_ALIASES, "householdid")),
        Field(
            "campaign",
            gettext_lazy("campaign"),
            read.text(100),
            gettext_lazy("“%s” is too long. Use at most 100 characters."),
            ("campaignname", "campaignid"),
            is_required=True,
        ),
        Field(
            "action",
            gettext_lazy("action"),
            read.text(80),
            gettext_lazy("“%s” is too long. Use at most 80 characters."),
            ("actionname", "offer", "variant"),
            decides_row=True,
        ),
        Field(
            "contacted_at",
            gettext_lazy("date"),
            read.moment(EARLIEST_EVENT, plan.at),
            gettext_lazy("“%s” is not a valid date. Use YYYY-MM-DD, from 1970 up to today."),
            ("date", "day", "contactedon", "contactdate", "senton", "sentat", "asof"),
            respelling=read.dates_as_written(
                plan.options.dates, plan.at.date(), is_1904=plan.is_1904
            ),
            is_required=True,
            is_moment=True,
        ),
        Field(
            "is_control",
            gettext_lazy("control"),
            read.words(dict.fromkeys(CONTROL, "true") | dict.fromkeys(TEST, "false")),
            gettext_lazy("“%s” is not a valid group. Use test or control."),
            ("control", "group", "testcontrol", "testorcontrol"),
            decides_row=True,
        ),
        Field(
            "assignment_prob",
            gettext_lazy("assignment probability"),
            read.probability(zero=False),
            gettext_lazy("“%s” is not a valid probability. Use a number above 0 and up to 1."),
            ("assignmentprobability",),
        ),
        Field(
            "probability",
            gettext_lazy("probability of the customer's group"),
            read.probability(zero=False),
            gettext_lazy("“%s” is not a valid probability. Use a number above 0 and up to 1."),
            ("groupprobability", "propensity"),
        ),
        Field(
            "control_share",
            gettext_lazy("control share"),
            read.probability(zero=True),
            gettext_lazy("“%s” is not a valid share. Use a number from 0 to 1."),
        ),
    ]


def contact_outputs(plan: ImportPlan) -> dict[str, str]:
    """A date without a time is the start of the day: all that the customer did that day is later.

    The probability of the action may be given itself, or as that of having been put in this very
    group, test or control: P(own group) = P(action) x P(own group | action).
    """
    used = plan.used
    is_control = "coalesce(s.is_control, false)" if "is_control" in used else "false"
    ways = ["s.assignment_prob"] if "assignment_prob" in used else []
    if {"probability", "control_share"} <= used:
        group_share = f"(CASE WHEN {is_control} THEN s.control_share ELSE 1 - s.control_share END)"
        ways.append(f"least(s.probability / nullif({group_share}, 0), 1)")
    return {
        **customer_name_outputs(plan),
        "campaign": "s.campaign",
        "action": "coalesce(s.action, '')" if "action" in used else "''",
        "as_of": "s.contacted_at::date",
        "reserved_at": "s.contacted_at",
        "is_control": is_control,
        "assignment_prob": f"coalesce({', '.join(ways)})" if ways else "NULL::float8",
        "control_share": "s.control_share" if "control_share" in used else "NULL::float8",
    }


def prepare_contacts(cursor: CursorWrapper, plan: ImportPlan) -> None:
    name_customers(cursor, plan)
    make_partitions(cursor, "journeys_contact", "as_of")


def merge_contacts(cursor: CursorWrapper, plan: ImportPlan) -> ImportCounts:
    make_or_reject_customers(cursor, plan)
    if plan.options.create_campaigns:
        _create_campaigns(cursor, plan)
    _reject_unknown_actions(cursor)
    n_waiting = keep_waiting_contacts(cursor, plan)
    find_named(cursor, plan.source)
    stored = (
        f"EXISTS (SELECT FROM {FOUND} f JOIN journeys_contact k USING (key, as_of) "
        "WHERE f.line = v.line"
    )
    differs = " OR ".join(
        f"k.{name} IS DISTINCT FROM f.{name}"
        for name in ("is_control", "assignment_prob", "control_share", "reserved_at")
    )
    changed = quote(
        _(
            "This message is already stored with other values, and stored "
            "messages cannot be changed."
        )
    )
    reject_by_mode(cursor, plan.mode, f"{stored})")
    reject(cursor, f"{stored} AND ({differs}))", changed)
    n_valid = count(cursor, f"SELECT count(*) FROM {CHECKED}")
    n_known = count(cursor, f"SELECT count(*) FROM {CHECKED} v WHERE {stored})")
    n_created = create_contacts(cursor)
    if n_created != n_valid - n_known:
        raise RacedByOthers
    return ImportCounts(created=n_created, unchanged=n_known, waiting=n_waiting)


def keep_waiting_contacts(cursor: CursorWrapper, plan: ImportPlan) -> int:
    """Rows of customers who are not known; a message is known by whom, what and when."""
    name = f"concat_ws(E'\\x1f', g.{name_as_written(plan)}, g.campaign, g.action, g.as_of)"
    return keep_waiting(
        cursor,
        plan,
        WaitingFact.Kind.CONTACT,
        {column: f"g.{column}" for column in CONTENT},
        external_id=f"encode(sha256(convert_to({name}, 'UTF8')), 'hex')",
        expires_at=expiry_sql("''", plan.at),
    )


@transaction.atomic
def attach_contacts(*, at: datetime) -> int:
    """Give waiting messages to customers who are known by now; returns how many."""
    waiting = WaitingFact.objects.filter(kind=WaitingFact.Kind.CONTACT, expired_at=None)
    if not waiting.exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('import'), hashtext('contacts'))")
        find_customers(cursor, WaitingFact.Kind.CONTACT)
        n_attached = 0
        sources = f"SELECT DISTINCT source FROM segments_waitingfact w JOIN {WAITED} f USING (id)"
        cursor.execute(sources)
        for (source,) in cursor.fetchall():
            columns = ", ".join(f"(w.fact ->> '{n}')::{t} AS {n}" for n, t in CONTENT.items())
            cursor.execute(f"DROP TABLE IF EXISTS {CHECKED}")
            cursor.execute(
                f"CREATE TEMPORARY TABLE {CHECKED} ON COMMIT DROP AS SELECT w.id AS line, "
                f"c.external_id AS customer, {columns} FROM segments_waitingfact w "
                f"JOIN {WAITED} f USING (id) JOIN segments_customer c ON c.id = f.customer_id "
                "WHERE w.source = %s",
                [source],
            )
            make_partitions(cursor, "journeys_contact", "as_of")
            find_named(cursor, source)
            n_attached += create_contacts(cursor)
            cursor.execute(f"DROP TABLE {FOUND}")
        cursor.execute(f"DELETE FROM segments_waitingfact w USING {WAITED} f WHERE w.id = f.id")
    return n_attached


def _reject_unknown_actions(cursor: CursorWrapper) -> None:
    """Rows that name no campaign of ours, no action of it, or leave open which of several."""
    campaign = "FROM campaigns_campaign c WHERE c.name = v.campaign"
    reason = quote(_("There is no campaign “%s”."))
    reject(cursor, f"NOT EXISTS (SELECT {campaign})", f"format({reason}, v.campaign)")
    actions = (
        "FROM campaigns_action a JOIN campaigns_campaign c ON c.id = a.campaign_id "
        "WHERE c.name = v.campaign"
    )
    reason = quote(_("The campaign “%s” has no action “%s”."))
    reject(
        cursor,
        f"v.action <> '' AND NOT EXISTS (SELECT {actions} AND a.name = v.action)",
        f"format({reason}, v.campaign, v.action)",
    )
    reason = quote(_("The campaign “%s” has several actions. Name one."))
    reject(
        cursor,
        f"v.action = '' AND (SELECT count(*) {actions}) <> 1",
        f"format({reason}, v.campaign)",
    )


def find_named(cursor: CursorWrapper, source: str) -> None:
    """Ids and keys of what the checked rows name.

    The key is a UUID of version 8 (RFC 9562) from the SHA-256 of source, customer, campaign,
    action and day: PostgreSQL has no SHA-1, which version 5 would need.
    """
    name = "concat_ws(E'\\x1f', {}, v.customer, v.campaign, a.name, v.as_of)"
    name = name.format(quote(source))
    digest = f"encode(substr(sha256(convert_to({name}, 'UTF8')), 1, 16), 'hex')"
    cursor.execute(f"DROP TABLE IF EXISTS {FOUND}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {FOUND} ON COMMIT DROP AS SELECT v.*, c.id AS customer_id, "
        "p.id AS campaign_id, a.id AS action_id, a.channel, t.tags, "
        "NOT (p.in_addition OR p.transactional) AS takes_slot, "
        "NOT p.not_counted_by_caps AS counted, p.transactional, "
        f"overlay(overlay({digest} PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid AS key "
        f"FROM {CHECKED} v JOIN segments_customer c ON c.external_id = v.customer "
        "JOIN campaigns_campaign p ON p.name = v.campaign "
        "JOIN campaigns_action a ON a.campaign_id = p.id AND (a.name = v.action OR v.action = '') "
        "CROSS JOIN LATERAL (SELECT coalesce(array_agg(tag_id ORDER BY tag_id), '{}')::bigint[] "
        "AS tags FROM campaigns_campaign_tags WHERE campaign_id = p.id) t"
    )
    cursor.execute(f"ANALYZE {FOUND}")


def create_contacts(cursor: CursorWrapper) -> int:
    same = (
        "as_of, reserved_at, customer_id, campaign_id, action_id, channel, tags, takes_slot, "
        "counted, transactional, is_control, assignment_prob, control_share, key"
    )
    listed = ", ".join(f"f.{name}" for name in same.split(", "))
    cursor.execute(
        f"INSERT INTO journeys_contact ({same}, arm, source, micro_segment_id) "
        f"SELECT {listed}, {quote(Arm.BASELINE.value)}, {quote(Contact.Source.IMPORT.value)}, "
        f"s.micro_segment_id FROM {FOUND} f JOIN {CHECKED} v USING (line) "
        "LEFT JOIN segments_customerstate s ON s.customer_id = f.customer_id AND s.as_of = f.as_of "
        "ON CONFLICT (key, as_of) DO NOTHING"
    )
    return cursor.rowcount


def _create_campaigns(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Campaigns and actions that the file names and we do not know, as ended: history only.

    An action without a name is called as its campaign.
    """
    cursor.execute(f"SELECT campaign, min(as_of), max(as_of) FROM {CHECKED} GROUP BY 1 ORDER BY 1")
    spans = {name: (first, last) for name, first, last in cursor.fetchall()}
    campaigns = Campaign.objects.in_bulk(list(spans), field_name="name")
    for name, (first, last) in spans.items():
        if name not in campaigns:
            goal = Goal.objects.order_by("pk").first() or Goal.objects.create(name=_("orders"))
            campaigns[name] = Campaign.objects.create(
                name=name, status=Campaign.Status.ENDED, goal=goal, starts_on=first, ends_on=last
            )
    known = set(Action.objects.values_list("campaign__name", "name"))
    with_action = {campaign for campaign, _action in known}
    cursor.execute(f"SELECT DISTINCT campaign, action FROM {CHECKED} ORDER BY 1, 2")
    for campaign, action in cursor.fetchall():
        if (campaign, action) not in known and (action or campaign not in with_action):
            Action.objects.create(
                campaign=campaigns[campaign],
                name=action or campaign[:80],
                channel=plan.options.channel,
            )
            with_action.add(campaign)


def channel_problem(plan: ImportPlan) -> str:
    if plan.options.channel not in CHANNELS:
        return _("“%s” is not a valid channel.") % plan.options.channel
    return ""


CONTACTS = ImportSpec(
    kind="contacts",
    fields=contact_fields,
    outputs=contact_outputs,
    key=("customer", "campaign", "action", "as_of"),
    prepare=prepare_contacts,
    merge=merge_contacts,
    also_required=channel_problem,
)
