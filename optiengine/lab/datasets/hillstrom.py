"""Hillstrom's e-mail experiment: 64,000 customers, two e-mails and none, a third each.

Source: Kevin Hillstrom, MineThatData E-Mail Analytics and Data Mining Challenge, 2008. The file
has no ids and 6,562 rows that repeat others: a customer is a line of it. It names no dates but
its own, so the e-mails are taken as sent on 5 March 2008, and what followed in the two weeks
after as done on the eighth day.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from campaigns.models import Action, ArmPlan, Campaign, Goal
from optiengine.lab.datasets.hand_over import (
    hand_over,
    refresh_statistics,
    refuse_foreign_customers,
)
from segments.channels import EMAIL
from segments.models import FeatureDefinition

SENT_ON = date(2008, 3, 5)
WINDOW_DAYS = 14
DECIDED_ON = SENT_ON + timedelta(days=WINDOW_DAYS + 1)
SOURCE = "hillstrom"
PREFIX = "H"
E_MAILS = {"Mens E-Mail": "Mens e-mail", "Womens E-Mail": "Womens e-mail"}
SHARE = 1 / 3  # of each group

# What the file says of a customer beyond recency and spend, as features over the past order.
PAST = {
    "mens": ("mens", "1", "men's goods"),
    "womens": ("womens", "1", "women's goods"),
    "newbie": ("newbie", "1", "new in the last year"),
    "urban": ("zip_code", "Urban", "lives in a city"),
    "rural": ("zip_code", "Rural", "lives in the country"),
    "phone": ("channel", "Phone", "buys by phone"),
    "web": ("channel", "Web", "buys on the web"),
}


def load_hillstrom(path: Path) -> dict[str, int]:
    """Customers, events, campaigns and contact history; returns how many rows there are of each.

    Loading it again changes nothing. Raises ImportRefused in a database with other customers.
    """
    refuse_foreign_customers(PREFIX)
    rows = pd.read_csv(path)
    rows.insert(0, "customer", [f"{PREFIX}{line:05d}" for line in range(1, len(rows) + 1)])
    at = datetime.combine(DECIDED_ON, datetime.min.time(), UTC)
    make_campaigns()
    jobs = [
        hand_over("customers", customers(rows), source=SOURCE, at=at),
        hand_over("events", pd.concat([past_orders(rows), outcomes(rows)]), source=SOURCE, at=at),
        hand_over("contacts", contacts(rows), source=SOURCE, at=at),
    ]
    refresh_statistics()
    return {job.kind: job.n_rows for job in jobs}


def make_campaigns() -> None:
    """The two e-mails as Auto campaigns, the features of the file, and everyone optimised."""
    goal, _made = Goal.objects.get_or_create(
        name="Visit within two weeks",
        defaults={"event_kind": "visit", "window_days": WINDOW_DAYS},
    )
    for name in E_MAILS.values():
        campaign, _made = Campaign.objects.get_or_create(
            name=name,
            defaults={
                "status": Campaign.Status.ACTIVE,
                "goal": goal,
                "starts_on": SENT_ON,
                "repeat_after_days": 0,
                "control_share": 0.1,
            },
        )
        Action.objects.get_or_create(
            campaign=campaign,
            name="e-mail",
            defaults={"channel": EMAIL, "subject": name, "body": "Dear customer,"},
        )
    for name, (key, value, label) in PAST.items():
        FeatureDefinition.objects.get_or_create(
            name=name,
            defaults={
                "label": label,
                "aggregate": FeatureDefinition.Aggregate.COUNT,
                "event_kind": "order",
                "property_name": key,
                "property_value": value,
            },
        )
    ArmPlan.objects.get_or_create(
        starts_on=SENT_ON, defaults={"holdout_share": 0, "baseline_share": 0, "salt": SOURCE}
    )


def customers(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "external_id": rows.customer,
            "email": rows.customer.str.lower() + "@example.com",
            "consent_email": "true",
            "zip_code": rows.zip_code,
            "channel": rows.channel,
            "history_segment": rows.history_segment,
        }
    )


def past_orders(rows: pd.DataFrame) -> pd.DataFrame:
    """One order for the past year's spending, as long ago as the last purchase was."""
    ordered_on = pd.Timestamp(SENT_ON, tz="UTC") - pd.to_timedelta(rows.recency * 30, unit="D")
    return pd.DataFrame(
        {
            "external_id": "past " + rows.customer,
            "customer": rows.customer,
            "kind": "order",
            "occurred_at": ordered_on,
            "amount_cents": np.rint(rows.history * 100).astype("Int64"),
            "mens": rows.mens.astype(str),
            "womens": rows.womens.astype(str),
            "newbie": rows.newbie.astype(str),
            "zip_code": rows.zip_code,
            "channel": rows.channel,
        }
    )


def outcomes(rows: pd.DataFrame) -> pd.DataFrame:
    """Visits, and orders with what was spent, of the two weeks after."""
    moment = pd.Timestamp(SENT_ON, tz="UTC") + pd.Timedelta(days=7)
    visits, orders = rows[rows.visit == 1], rows[rows.conversion == 1]
    return pd.concat(
        pd.DataFrame(
            {
                "external_id": f"{kind} " + responders.customer,
                "customer": responders.customer,
                "kind": kind,
                "occurred_at": moment,
                "amount_cents": amount,
            }
        )
        for kind, responders, amount in (
            ("visit", visits, pd.Series(pd.NA, index=visits.index, dtype="Int64")),
            ("order", orders, np.rint(orders.spend * 100).astype("Int64")),
        )
    )


def contacts(rows: pd.DataFrame) -> pd.DataFrame:
    """The experiment: who got no e-mail is control of both, so that each has its whole control.

    P(this e-mail's experiment) = P(its test) + P(control) = 2/3, and half of it is control.
    """
    parts = []
    for segment, campaign in E_MAILS.items():
        for group, members in (("test", rows[rows.segment == segment]), ("control", _none(rows))):
            parts.append(
                pd.DataFrame(
                    {
                        "customer": members.customer,
                        "campaign": campaign,
                        "action": "e-mail",
                        "date": SENT_ON.isoformat(),
                        "group": group,
                        "probability": SHARE,
                        "control_share": 0.5,
                    }
                )
            )
    return pd.concat(parts)


def _none(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.segment == "No E-Mail"]
