"""What a channel needs."""

from segments.models import Channel

# Which of a customer's columns a channel writes to; the other channels have no address of ours.
ADDRESS_COLUMNS = {
    Channel.EMAIL.value: "email",
    Channel.SMS.value: "phone",
    Channel.CALL.value: "phone",
}
