"""The messages that follow from one decision, among all that the customer has on its day."""

from journeys.decisions.save_decisions import DecisionContext
from journeys.models import Decision, Delivery


def messages_of(decision: Decision) -> list[Delivery]:
    """Of the slot and in addition, with their actions: those whose key is made of the decision's
    run and occasion. Another decision of the same day has its own."""
    context = DecisionContext(
        decision.run_id, decision.as_of, decision.run.decided_at, "", occasion=decision.occasion
    )
    of_day = Delivery.objects.filter(customer=decision.customer_id, as_of=decision.as_of)
    return [
        delivery
        for delivery in of_day.select_related("action").order_by("pk")
        if delivery.key
        == context.contact_key(decision.customer_id, delivery.action.campaign_id, delivery.channel)
    ]
