"""Two records that are one person become one, and two again, while nobody decides about them."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from campaigns.models import ArmChange, ArmMembership, ArmPlan
from campaigns.services.arm_history import arms_of
from campaigns.services.assign_arms import arm_at
from journeys.decisions.save_decisions import next_contact_id
from journeys.learning.follow_late_events import note_same_person
from journeys.locks import lock_blocks
from journeys.maps.wake_travellers import wake_travellers
from journeys.models import EvidenceCut
from optiengine.lib.days import day_of
from segments.customers.derive_consents import derive_customer
from segments.customers.lock_persons import lock_few
from segments.customers.read_statements import statements_of
from segments.customers.share_withdrawals import share_withdrawals_of
from segments.customers.shared_addresses import READING, recount_addresses_of
from segments.customers.suppress_addresses import mark_customer
from segments.errors import MergeRefused
from segments.models import Customer, CustomerMerge, Organisation
from segments.models.customer import PROFILE
from segments.models.customer_merge import UNDO_PERIOD
from segments.same_person import same_person

ATTRIBUTE = "attributes."  # before the name of an attribute that was taken over


@transaction.atomic
def merge_customers(kept: Customer, alias: Customer, *, at: datetime, by: Any) -> CustomerMerge:
    """From now on both records are one person, who is decided for under the kept one's number.

    What the kept record lacks is taken over from the other. Where the two are in different arms,
    that of the older record holds from the next day on, and what both got up to now is no
    evidence. Raises MergeRefused.
    """
    with _nobody_decides(kept.pk, alias.pk) as mark:
        kept, alias = _locked(kept, alias)
        _expect_mergeable(kept, alias)
        merge = CustomerMerge.objects.create(
            alias=alias, kept=kept, mark=mark, merged_at=at, merged_by=by
        )
        merge.taken_over = _take_over(kept, alias, at=at)
        merge.save(update_fields=["taken_over"])
        _settle_arms(merge, at=at)
        _settle_consents(kept, alias, at=at)
        recount_addresses_of([kept.pk, alias.pk], at=at)
        note_same_person(same_person(kept.pk), on=_day(at))
        wake_travellers([kept.pk, alias.pk], at)  # one leaves, the other has more of a past
    return merge


@transaction.atomic
def undo_merge(merge: CustomerMerge, *, at: datetime, by: Any) -> CustomerMerge:
    """Make them two again, each with what was stored under its own number. Raises MergeRefused.

    Details that were taken over go, unless one of the records says something else by now. Records
    that had been in different arms have their own again from the next day on.
    """
    with _nobody_decides(merge.kept_id, merge.alias_id) as mark:
        merge = CustomerMerge.objects.select_for_update().get(pk=merge.pk)
        if merge.undone_mark is not None:
            raise MergeRefused(_("This merge was undone before."))
        if at >= merge.merged_at + UNDO_PERIOD:
            raise MergeRefused(
                _("A merge can be undone for %d days. This one is older.") % UNDO_PERIOD.days
            )
        kept, alias = _locked(merge.kept, merge.alias)
        if kept.erased_at is not None or alias.erased_at is not None:
            raise MergeRefused(_("This person was erased, so the merge cannot be undone."))
        note_same_person(same_person(kept.pk), on=_day(at))
        merge.undone_mark, merge.undone_at, merge.undone_by = mark, at, by
        merge.save(update_fields=["undone_mark", "undone_at", "undone_by"])
        _give_back(merge, kept, alias, at=at)
        _separate_arms(merge, at=at)
        _settle_consents(kept, alias, at=at)
        recount_addresses_of([kept.pk, alias.pk], at=at)
        share_withdrawals_of([kept.pk, alias.pk], at=at)
    return merge


@contextmanager
def _nobody_decides(*customer_ids: int) -> Iterator[int]:
    """While no decision is being made; gives the number that parts those before and after.

    The locks of the blocks come first and that of reading second, as for those who decide: under
    them no smaller number of a message is still to come, and nobody has drawn a greater one.
    """
    lock_blocks(Customer(pk=pk).block for pk in customer_ids)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({READING})")
    yield next_contact_id()


def _locked(kept: Customer, alias: Customer) -> tuple[Customer, Customer]:
    """As they are now, with all their other records locked as well."""
    lock_few([kept.pk, alias.pk])
    return Customer.objects.get(pk=kept.pk), Customer.objects.get(pk=alias.pk)


def _expect_mergeable(kept: Customer, alias: Customer) -> None:
    if kept.pk == alias.pk:
        raise MergeRefused(_("A customer cannot be merged with itself."))
    for customer in (kept, alias):
        if customer.erased_at is not None:
            raise MergeRefused(_("%s was erased and cannot be merged.") % customer)
    in_force = CustomerMerge.objects.filter(undone_mark=None)
    if merge := in_force.filter(alias__in=[kept, alias]).select_related("kept", "alias").first():
        raise MergeRefused(
            _("%(alias)s is already merged into %(kept)s.")
            % {"alias": merge.alias, "kept": merge.kept}
        )
    if in_force.filter(kept=alias).exists():
        raise MergeRefused(
            _("Other records are merged into %s. Keep this one, or undo those merges first.")
            % alias
        )


def _take_over(kept: Customer, alias: Customer, *, at: datetime) -> list[str]:
    """Fill what the kept record does not say; returns the names."""
    taken = [
        name
        for name, nothing in PROFILE.items()
        if name != "attributes" and getattr(kept, name) == nothing != getattr(alias, name)
    ]
    for name in taken:
        setattr(kept, name, getattr(alias, name))
    missing = alias.attributes.keys() - kept.attributes.keys()
    kept.attributes |= {name: alias.attributes[name] for name in missing}
    _save(kept, [*taken, "attributes"], at=at)
    return [*taken, *sorted(ATTRIBUTE + name for name in missing)]


def _give_back(merge: CustomerMerge, kept: Customer, alias: Customer, *, at: datetime) -> None:
    names = []
    for name in merge.taken_over:
        if name.startswith(ATTRIBUTE):
            key = name.removeprefix(ATTRIBUTE)
            if key in kept.attributes and kept.attributes[key] == alias.attributes.get(key):
                del kept.attributes[key]
        elif getattr(kept, name) == getattr(alias, name):
            setattr(kept, name, PROFILE[name])
            names.append(name)
    _save(kept, [*names, "attributes"], at=at)


def _save(customer: Customer, names: list[str], *, at: datetime) -> None:
    customer.save(update_fields=[*names, "updated_at"])
    mark_customer(customer, at=at)


def _settle_consents(kept: Customer, alias: Customer, *, at: datetime) -> None:
    """What holds for the records, by what was said under all numbers of the person each now is.

    Whatever was said of under any of the numbers is looked at again.
    """
    said = {statement.subject for row in (kept, alias) for statement in statements_of(row)}
    channels = [channel for channel, _topic in said if channel]
    topics = [topic for _channel, topic in said if topic is not None]
    for row in (kept, alias):
        derive_customer(row, channels, topics, at=at)


def _settle_arms(merge: CustomerMerge, *, at: datetime) -> None:
    """The arm of the oldest record holds for the person, wherever records are in different ones."""
    before = _arms_of_person(set(same_person(merge.kept_id)) - {merge.alias_id})
    of_alias = _arms_of_person({merge.alias_id})
    _change_arms(merge.kept, _arms_of_person(same_person(merge.kept_id)), at=at)
    if _differ(before, of_alias):
        _cut_evidence(merge, mark=merge.mark, at=at)


def _separate_arms(merge: CustomerMerge, *, at: datetime) -> None:
    """Each has the arm again that it has without the other.

    Also under a plan that began meanwhile and drew different arms for the two.
    """
    assert merge.undone_mark is not None
    of_kept = _arms_of_person(same_person(merge.kept_id))
    of_alias = _arms_of_person({merge.alias_id})
    _change_arms(merge.kept, of_kept, at=at)
    _change_arms(merge.alias, of_alias, at=at)
    if EvidenceCut.objects.filter(merge=merge).exists() or _differ(of_kept, of_alias):
        _cut_evidence(merge, mark=merge.undone_mark, at=at)


def _arms_of_person(records: Collection[int]) -> dict[ArmPlan, str]:
    """By plan, the arm that was drawn for the oldest of the records that have one."""
    memberships = ArmMembership.objects.filter(customer__in=records).select_related("plan")
    youngest_first = memberships.order_by("-customer__created_at", "-customer")
    return {membership.plan: membership.arm for membership in youngest_first}


def _differ(arms: Mapping[ArmPlan, str], others: Mapping[ArmPlan, str]) -> bool:
    """Whether two are in different arms under a plan; who is in none yet does not differ."""
    return any(others.get(plan, arm) != arm for plan, arm in arms.items())


def _change_arms(customer: Customer, arms: Mapping[ArmPlan, str], *, at: datetime) -> None:
    """From the next day on: today's decisions and their replays have the arm of this morning.

    Where a merge alone gave an arm, the customer has the one that will be drawn.
    """
    since = _day(at) + timedelta(days=1)
    for plan, present in (dict.fromkeys(arms, "") | arms_of(customer, since)).items():
        arm = arms.get(plan) or arm_at(plan, customer.pk).value
        if arm != present:
            ArmChange.objects.update_or_create(
                customer=customer, plan=plan, since=since, defaults={"arm": arm}
            )


def _cut_evidence(merge: CustomerMerge, *, mark: int, at: datetime) -> None:
    members = CustomerMerge.objects.filter(Q(pk=merge.pk) | Q(kept=merge.kept, undone_mark=None))
    for customer_id in {merge.kept_id, *members.values_list("alias_id", flat=True)}:
        EvidenceCut.objects.create(
            customer_id=customer_id, merge=merge, below=mark, up_to=at, noted_on=_day(at)
        )


def _day(at: datetime) -> date:
    return day_of(at, Organisation.current().time_zone)
