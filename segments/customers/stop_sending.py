from segments.models import Organisation


def set_sending_stopped(stopped: bool) -> Organisation:
    """Turn the global stop switch: the outbox asks for it again before each message it hands on."""
    organisation = Organisation.current()
    Organisation.objects.filter(pk=organisation.pk).update(sending_stopped=stopped)
    organisation.sending_stopped = stopped
    return organisation
