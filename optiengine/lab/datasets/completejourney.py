"""The Complete Journey: a grocer's 2,469 households over 2017, with 27 coupon campaigns.

Source: 84.51°, The Complete Journey 2.0. Contacts were not randomised: they come in without a
probability, so that reports and learning take them for what they are. A coupon campaign's goal is
a redemption within its own days; the contact is on the first of them.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from campaigns.models import Action, Campaign, Goal
from optiengine.lab.datasets.hand_over import (
    hand_over,
    refresh_statistics,
    refuse_foreign_customers,
)
from segments.channels import POST
from segments.models import FeatureDefinition, ImportJob, Organisation

FIRST_CONTACT = date(2016, 11, 14)
DECIDED_ON = date(2017, 12, 31)
SOURCE = "completejourney"
PREFIX = "HH"
AT = datetime(2018, 3, 1, tzinfo=UTC)  # when the files are handed in: after all they speak of
ZONE = "America/New_York"  # the file names none; the grocer is in the eastern United States


def load_completejourney(folder: Path) -> dict[str, ImportJob]:
    """Households, baskets, redemptions, campaigns and contacts; returns the imports by kind.

    Loading it again changes nothing. Raises ImportRefused in a database with other customers.
    """
    refuse_foreign_customers(PREFIX)
    Organisation.current()
    Organisation.objects.update(time_zone=ZONE, currency="USD")
    campaigns = pd.read_csv(folder / "campaign_descriptions.csv", parse_dates=[2, 3])
    transactions = pd.read_csv(
        folder / "transactions.csv.gz",
        usecols=["household_id", "store_id", "basket_id", "quantity", "sales_value",
                 "coupon_disc", "transaction_timestamp"],
    )  # fmt: skip
    make_campaigns(campaigns)
    jobs = {
        "customers": hand_over("customers", households(folder, transactions), source=SOURCE, at=AT),
        "baskets": hand_over("events", baskets(transactions), source=SOURCE, at=AT),
        "redemptions": hand_over("events", redemptions(folder), source=SOURCE, at=AT),
        "contacts": hand_over("contacts", contacts(folder, campaigns), source=SOURCE, at=AT),
    }
    refresh_statistics()
    return jobs


def make_campaigns(campaigns: pd.DataFrame) -> None:
    """Auto campaigns of one mailed action each, with a goal as long as the campaign."""
    for row in campaigns.to_dict("records"):
        days = (row["end_date"] - row["start_date"]).days + 1
        goal, _made = Goal.objects.get_or_create(
            name=f"Redemption within {days} days",
            defaults={"event_kind": "redemption", "window_days": days},
        )
        campaign, _made = Campaign.objects.get_or_create(
            name=campaign_name(row["campaign_id"]),
            defaults={
                "status": Campaign.Status.ACTIVE,
                "goal": goal,
                "starts_on": row["start_date"].date(),
                "ends_on": row["end_date"].date(),
                "repeat_after_days": None,
            },
        )
        Action.objects.get_or_create(
            campaign=campaign, name=row["campaign_type"], defaults={"channel": POST}
        )
    FeatureDefinition.objects.get_or_create(
        name="redemptions_365d",
        defaults={
            "label": "coupons redeemed in a year",
            "aggregate": FeatureDefinition.Aggregate.COUNT,
            "event_kind": "redemption",
            "window_days": 365,
        },
    )


def campaign_name(number: int) -> str:
    return f"Coupons {number:02d}"


def households(folder: Path, transactions: pd.DataFrame) -> pd.DataFrame:
    """Everyone who ever bought, with the demographics of the 801 for whom they are known."""
    known = pd.read_csv(folder / "demographics.csv", dtype=str).set_index("household_id")
    ids = pd.Index(sorted(transactions.household_id.unique()), name="household_id").astype(str)
    table = known.reindex(ids).reset_index()
    table.insert(0, "external_id", PREFIX + table.pop("household_id"))
    return table.assign(country="US", time_zone=ZONE, consent_post="true")


def baskets(transactions: pd.DataFrame) -> pd.DataFrame:
    """A basket is an order; its amount what was paid for it. Baskets worth nothing are kept."""
    grouped = transactions.groupby("basket_id", sort=False)
    totals = grouped.agg(
        household_id=("household_id", "first"),
        store_id=("store_id", "first"),
        occurred_at=("transaction_timestamp", "first"),
        amount=("sales_value", "sum"),
        coupon=("coupon_disc", "sum"),
        items=("quantity", "sum"),
    )
    return pd.DataFrame(
        {
            "external_id": "basket " + totals.index.astype(str),
            "customer": PREFIX + totals.household_id.astype(str).to_numpy(),
            "kind": "order",
            "occurred_at": totals.occurred_at.to_numpy(),
            "amount": totals.amount.round(2).to_numpy(),
            "store": totals.store_id.to_numpy(),
            "items": totals["items"].to_numpy(),
            "with_coupon": (totals.coupon != 0).map({True: "yes", False: "no"}).to_numpy(),
        }
    )


def redemptions(folder: Path) -> pd.DataFrame:
    rows = pd.read_csv(folder / "coupon_redemptions.csv", dtype=str)
    repeats = rows.groupby(list(rows.columns)).cumcount().astype(str)
    return pd.DataFrame(
        {
            "external_id": "redemption " + rows.agg(" ".join, axis=1) + " " + repeats,
            "customer": PREFIX + rows.household_id,
            "kind": "redemption",
            "occurred_at": rows.redemption_date + " 12:00:00",  # the file has days alone
            "campaign": rows.campaign_id.astype(int).map(campaign_name),
            "coupon": rows.coupon_upc,
        }
    )


def contacts(folder: Path, campaigns: pd.DataFrame) -> pd.DataFrame:
    rows = pd.read_csv(folder / "campaigns.csv").merge(campaigns, on="campaign_id")
    return pd.DataFrame(
        {
            "customer": PREFIX + rows.household_id.astype(str),
            "campaign": rows.campaign_id.map(campaign_name),
            "action": rows.campaign_type,
            "date": rows.start_date.dt.date,
            "group": "test",
        }
    )
