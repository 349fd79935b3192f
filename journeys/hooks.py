"""What this app adds to earlier ones."""

from anymail.signals import tracking

from campaigns.services.approval_subjects import SUBJECTS
from campaigns.services.approvals import WHEN_ASKED
from campaigns.services.rule_tables import ALSO_IN_FORCE, RULE_TABLES
from journeys.delivery.erase_messages import erase_reasons, erase_scripts
from journeys.delivery.tracking import listen
from journeys.explain.queue_dry_run import queue_dry_run
from journeys.jobs import import_marks
from journeys.learning.import_contacts import CONTACTS, attach_contacts
from journeys.maps.approve_map import MAP_SUBJECT, MAP_TABLE, entry_group_in_force
from journeys.signups.begin_sign_up import erase_sign_ups
from segments.customers.erase_customer import ALSO_ERASED
from segments.events.waiting_facts import ATTACHERS
from segments.imports.spec import IMPORTS
from segments.imports.undo_import import ALSO_UNDONE, MARKED, RESTING


def connect() -> None:
    ALSO_ERASED.add(erase_reasons, erase_scripts, erase_sign_ups)
    IMPORTS.add(CONTACTS)
    ATTACHERS.add(attach_contacts)
    MARKED.add(*import_marks.MARKED)
    RESTING.add(import_marks.resting)
    ALSO_UNDONE.add(import_marks.take_contacts_back)
    SUBJECTS.add(MAP_SUBJECT)
    RULE_TABLES.add(MAP_TABLE)
    ALSO_IN_FORCE.add(entry_group_in_force)
    WHEN_ASKED.add(queue_dry_run)
    tracking.connect(listen, dispatch_uid="journeys.delivery.tracking")
