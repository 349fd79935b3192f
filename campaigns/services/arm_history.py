from datetime import date

from campaigns.models import ArmChange, ArmMembership, ArmPlan
from segments.models import Customer


def arms_of(customer: Customer, on: date) -> dict[ArmPlan, str]:
    """The customer's arm on a day, under each plan that gave them one."""
    memberships = ArmMembership.objects.filter(customer=customer).select_related("plan")
    arms = {membership.plan: membership.arm for membership in memberships}
    changes = ArmChange.objects.filter(customer=customer, since__lte=on).select_related("plan")
    return arms | {change.plan: change.arm for change in changes.order_by("since")}
