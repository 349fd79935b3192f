"""The limits once more, just before a message leaves: rows to what numerics.last_check asks for."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaigns.models import Campaign, Exclusion
from campaigns.numerics.time_zones import zones_of
from campaigns.services.load_rulebook import load_caps, load_gaps, load_quiet_hours
from journeys.delivery.numerics.last_check import Contacted, Hold, Limit, Limits, ShutOut, Waiting
from journeys.models import Reason, ReasonCode, make_reason
from segments.models import Organisation
from segments.same_person import SAME_PERSON

CODES = {
    Limit.QUIET_HOURS: ReasonCode.QUIET_HOURS,
    Limit.CAP: ReasonCode.FREQUENCY_CAP,
    Limit.GAP: ReasonCode.MINIMUM_GAP,
    Limit.EXCLUSION: ReasonCode.EXCLUSION,
    Limit.DURATION: ReasonCode.COOL_DOWN,
}

# What reached the customers, under any of their numbers, at the moment it was handed over at the
# latest; what is being handed over or may have arrived among it. And contacts without a message,
# unless they were released: of control members, imported ones, and those who came to us.
CONTACTED = f"""
    WITH asked AS MATERIALIZED (
        SELECT c.id AS customer_id, p.record
        FROM unnest(%(customers)s::bigint[]) AS c (id)
        CROSS JOIN LATERAL unnest({SAME_PERSON.format(customer="c.id")}) AS p (record)
    )
    SELECT asked.customer_id, greatest(d.attempted_at, d.sent_at) AS at, k.campaign_id, k.channel,
           k.tags, k.takes_slot, k.counted, k.transactional
    FROM asked JOIN journeys_delivery d ON d.customer_id = asked.record
        AND d.attempted_at > %(since)s
        AND d.status IN ('attempting', 'sent', 'unknown') AND d.id <> ALL(%(apart)s::bigint[])
    JOIN journeys_contact k ON k.id = d.contact_id AND k.as_of = d.as_of
    UNION ALL
    SELECT asked.customer_id, k.reserved_at, k.campaign_id, k.channel,
           k.tags, k.takes_slot, k.counted, k.transactional
    FROM asked JOIN journeys_contact k ON k.customer_id = asked.record
        AND k.reserved_at > %(since)s AND k.reserved_at <= %(now)s
    WHERE NOT EXISTS (
          SELECT FROM journeys_delivery d WHERE d.contact_id = k.id AND d.as_of = k.as_of)
      AND NOT EXISTS (SELECT FROM journeys_release r WHERE r.contact_id = k.id)
"""


def load_limits() -> Limits:
    """The limits as they are now, whatever they were when a message was decided."""
    durations = Campaign.objects.filter(duration_days__gt=0).order_by("pk")
    return Limits(
        caps=load_caps(),
        gaps=load_gaps(),
        quiet_hours=load_quiet_hours(),
        shut_outs=(
            *(shut_out for row in Exclusion.objects.order_by("pk") for shut_out in _shut_outs(row)),
            *(
                ShutOut(Limit.DURATION, row.name, row.duration_days, source_campaign=row.pk)
                for row in durations.only("name", "duration_days")
            ),
        ),
        time_zone=Organisation.current().time_zone,
    )


def load_contacted(
    customer_ids: Collection[int], limits: Limits, *, now: datetime, apart: Collection[int] = ()
) -> dict[int, list[Contacted]]:
    """What has really happened to customers, as far back as it can matter, by customer.

    apart : deliveries that are left out, since they are the ones to check.
    """
    contacted: dict[int, list[Contacted]] = defaultdict(list)
    if not limits.days:
        return contacted
    with connection.cursor() as cursor:
        cursor.execute(
            CONTACTED,
            {
                "customers": list(customer_ids),
                "apart": list(apart),
                "since": now - timedelta(days=limits.days + 2),  # a day begins early somewhere
                "now": now,
            },
        )
        for customer, at, campaign, channel, tags, *flags in cursor:
            contacted[customer].append(Contacted(at, campaign, channel, tuple(tags), *flags))
    return contacted


def waiting_of(row: Mapping[str, Any], limits: Limits) -> Waiting:
    """A message about to leave, from the row that names its contact, campaign and customer."""
    return Waiting(
        campaign_id=row["campaign_id"],
        channel=row["channel"],
        tags=tuple(row["tags"]),
        takes_slot=row["takes_slot"],
        counted=row["counted"],
        transactional=row["transactional"],
        exempt_from_caps=row["exempt_from_caps"],
        ignores_durations=row["ignores_durations"],
        ignores_durations_of=tuple(row["ignores_durations_of"]),
        country=row["country"],
        zones=zones_of(row["time_zone"], row["country"], limits.time_zone),
    )


def reason_of(hold: Hold, limits: Limits, *, is_over: bool) -> Reason:
    """Why a message waits, or, where what holds it outlasts it, why it is not sent at all."""
    rule = {"rule": hold.name} if hold.name else {}
    return make_reason(
        CODES[hold.limit], **rule, until=hold.until, zone=limits.time_zone, too_late=is_over
    )


def _shut_outs(row: Exclusion) -> list[ShutOut]:
    """One rule, or two where the exclusion works both ways."""
    ends = (row.campaign_id, row.tag_id, row.excluded_campaign_id, row.excluded_tag_id)
    shut_outs = [ShutOut(Limit.EXCLUSION, row.name, row.days, *ends)]
    if row.both_ways:
        shut_outs.append(ShutOut(Limit.EXCLUSION, row.name, row.days, *ends[2:], *ends[:2]))
    return shut_outs
