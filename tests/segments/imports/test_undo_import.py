"""An import that is undone leaves every table as it was before it."""

from datetime import timedelta

import numpy as np
import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from journeys.models import Contact
from segments.customers.erase_customer import erase_customer
from segments.errors import ImportRefused
from segments.imports.undo_import import forget_before, undo_import
from segments.models import Customer, Event, ImportBefore, ImportJob, Organisation
from segments.tasks import undo_import_task
from tests.factories import make_action, make_campaign, make_customer
from tests.journeys.engine import decide_day, make_plan
from tests.segments.importing import NOW, import_text

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
OWN = {  # the log of imports itself, notes for readers that may look once more, and bookkeeping
    *("segments_importjob", "segments_eventcorrection", "django_content_type"),
    *("auth_permission", "django_migrations", "django_q_ormq"),
}
PEOPLE = "external_id,email,country,consent_email,consent_sms,shoe\n"


def dump() -> dict[str, list[str]]:
    """Every row of every table of ours, as text, without when it was touched last."""
    tables = {}
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        if table in OWN or not model._meta.managed:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT (to_jsonb(t) - 'updated_at')::text FROM \"{table}\" t ORDER BY 1"
            )
            tables[table] = [row for (row,) in cursor.fetchall()]
    return tables


def undo(job: ImportJob, **more) -> int:
    return undo_import(job, at=NOW + DAY, **more)


def random_file(dice, kind: str) -> tuple[str, str, dict]:
    """A file about a few people, as different as files are."""
    rows = [int(n) for n in dice.integers(1, 7, size=4)]
    if kind == "customers":
        consent = [dice.choice(["yes", "no", "", "perhaps"]) for _ in range(8)]
        lines = [
            f"K{n},k{n}@example.com,{dice.choice(['PT', 'DE', ''])},{consent[i]},{consent[i + 4]},"
            f"{dice.integers(36, 46)}"
            for i, n in enumerate(dict.fromkeys(rows))
        ]
        return (
            PEOPLE + "\n".join(lines) + "\n",
            kind,
            {"empty": str(dice.choice(["keep", "clear"]))},
        )
    if kind == "events":
        kinds = ["order", "unsubscribe", "complaint", "visit"]
        lines = [
            f"e{dice.integers(9)},K{n},{dice.choice(kinds)},2026-02-0{dice.integers(1, 9)},"
            f"{dice.integers(99)},email"
            for n in rows
        ]
        text = "event_id,customer,kind,date,amount,channel\n" + "\n".join(lines) + "\n"
        return text, kind, {"create_customers": bool(dice.random() < 0.3)}
    lines = [f"k{n}@example.com" for n in rows]
    return "email\n" + "\n".join(lines) + "\n", "suppressions", {}


@pytest.mark.parametrize("seed", range(12))
def test_undoing_the_last_of_any_imports_leaves_all_as_before(tmp_path, seed):
    dice = np.random.default_rng(seed)
    Organisation.current()
    for number in range(6):
        kind = str(dice.choice(["customers", "events", "suppressions"], p=[0.4, 0.4, 0.2]))
        text, kind, options = random_file(dice, kind)
        before = dump()
        job = import_text(
            tmp_path, text, kind=kind, at=NOW + number * timedelta(minutes=1), **options
        )
        if dice.random() < 0.6:
            undo(job)
            after = dump()
            assert {t: after[t] for t in after if after[t] != before[t]} == {
                t: before[t] for t in after if after[t] != before[t]
            }
            job.refresh_from_db()
            assert job.status == "undone"


def test_what_waited_for_the_customers_waits_again(tmp_path):
    orders = "event_id,customer,kind,date,amount\ne1,K1,order,2026-02-01,9\n"
    import_text(tmp_path, orders, kind="events")
    job = import_text(tmp_path, PEOPLE + "K1,a@example.com,,,,\n", at=NOW + timedelta(hours=1))
    assert Event.objects.count() == 1
    undo(job)
    assert not Event.objects.exists()
    import_text(tmp_path, PEOPLE + "K1,a@example.com,,,,\n", at=NOW + timedelta(hours=2))
    assert Event.objects.get().amount_cents == 900


def test_contacts_are_taken_back(tmp_path):
    make_customer(external_id="K1")
    make_action(make_campaign(name="Spring"), name="Mail")
    job = import_text(
        tmp_path, "customer,campaign,action,date\nK1,Spring,Mail,2026-02-01\n", kind="contacts"
    )
    assert Contact.objects.count() == 1
    undo(job)
    assert not Contact.objects.exists()


def test_what_somebody_changed_since_keeps_what_it_says(tmp_path):
    import_text(tmp_path, PEOPLE + "K1,a@example.com,PT,,,\nK2,b@example.com,PT,,,\n")
    job = import_text(
        tmp_path, PEOPLE + "K1,a@example.com,DE,,,\nK2,b@example.com,DE,,,\n", at=NOW + DAY / 2
    )
    Customer.objects.filter(external_id="K1").update(country="FR", updated_at=NOW + DAY * 0.6)
    assert undo(job) == 1
    assert dict(Customer.objects.values_list("external_id", "country")) == {"K1": "FR", "K2": "PT"}


def test_refused_once_decisions_were_made(tmp_path):
    make_plan()
    job = import_text(tmp_path, PEOPLE + "K1,a@example.com,,yes,,\n")
    decide_day()
    with pytest.raises(ImportRefused, match="Decisions were made since"):
        undo(job)


def test_refused_before_later_imports_after_thirty_days_and_twice(tmp_path):
    first = import_text(tmp_path, PEOPLE + "K1,a@example.com,,,,\n")
    second = import_text(tmp_path, PEOPLE + "K2,b@example.com,,,,\n", at=NOW + timedelta(hours=1))
    with pytest.raises(ImportRefused, match="Undo the later import"):
        undo(first)
    with pytest.raises(ImportRefused, match="30 days"):
        undo_import(second, at=NOW + 31 * DAY)
    undo(second)
    undo(first)
    with pytest.raises(ImportRefused, match="Only finished imports"):
        undo(first)
    assert not Customer.objects.exists()


def test_refused_where_the_new_customers_are_in_use(tmp_path):
    job = import_text(tmp_path, PEOPLE + "K1,a@example.com,,,,\n")
    from segments.models import SegmentMove
    from segments.state.build_state import build_state

    build_state(NOW.date())
    assert SegmentMove.objects.exists()
    with pytest.raises(ImportRefused, match="in use by now"):
        undo(job)


def test_what_was_before_is_forgotten_with_the_customer_and_in_time(tmp_path):
    import_text(tmp_path, PEOPLE + "K1,a@example.com,PT,,,\nK2,b@example.com,PT,,,\n")
    import_text(
        tmp_path, PEOPLE + "K1,a@example.com,DE,,,\nK2,b@example.com,DE,,,\n", at=NOW + DAY / 2
    )
    assert ImportBefore.objects.count() == 2
    erase_customer(Customer.objects.get(external_id="K1"), source="test", at=NOW)
    assert ImportBefore.objects.count() == 1
    forget_before(at=NOW + 29 * DAY)
    assert ImportBefore.objects.count() == 1
    forget_before(at=NOW + 31 * DAY)
    assert not ImportBefore.objects.exists()


def test_the_same_file_again_keeps_nothing(tmp_path):
    text = PEOPLE + "K1,a@example.com,PT,yes,,\n"
    import_text(tmp_path, text)
    import_text(tmp_path, text, at=NOW + DAY / 2)
    assert not ImportBefore.objects.exists()


def test_the_command_undoes_an_import_by_its_number(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE + "K1,a@example.com,,yes,,\n")
    call_command("import_customers", str(path))
    job = ImportJob.objects.get()
    call_command("undo_import", str(job.pk))
    assert not Customer.objects.exists()
    with pytest.raises(CommandError, match="Only finished imports"):
        call_command("undo_import", str(job.pk))
    with pytest.raises(CommandError, match="There is no import"):
        call_command("undo_import", "999999999")


def test_the_page_undoes_an_import_and_says_so(admin_client, tmp_path):
    job = import_text(tmp_path, PEOPLE + "K1,a@example.com,,yes,,\n", at=timezone.now())
    page = f"/admin/segments/importjob/{job.pk}"
    assert f"{page}/undo/" in admin_client.get(f"{page}/change/").content.decode()
    assert "Created rows that are removed: 1" in admin_client.get(f"{page}/undo/").content.decode()
    admin_client.post(f"{page}/undo/")
    job.refresh_from_db()
    assert job.status == "undoing"
    undo_import_task(job.pk, User.objects.get().pk)
    text = admin_client.get(f"{page}/change/").content.decode()
    assert "Undone on" in text
    assert not Customer.objects.exists()


def test_a_page_says_why_an_import_cannot_be_undone(admin_client, tmp_path):
    job = import_text(tmp_path, PEOPLE + "K1,a@example.com,,yes,,\n", at=timezone.now() - 40 * DAY)
    page = f"/admin/segments/importjob/{job.pk}"
    text = admin_client.get(f"{page}/undo/").content.decode()
    assert "An import can be undone for 30 days." in text
    assert "Undo the import" not in text
    admin_client.post(f"{page}/undo/")
    assert Customer.objects.exists()


def test_undoing_needs_its_permission(client, tmp_path):
    job = import_text(tmp_path, PEOPLE + "K1,a@example.com,,yes,,\n", at=timezone.now())
    user = User.objects.create_user("user", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_importjob", "add_importjob"])
    )
    client.force_login(user)
    page = f"/admin/segments/importjob/{job.pk}"
    assert client.get(f"{page}/undo/").status_code == 403
    assert client.post(f"{page}/undo/").status_code == 403
    assert "undo/" not in client.get(f"{page}/change/").content.decode()


def test_what_could_not_be_undone_stays_and_says_why(tmp_path):
    make_plan()
    job = import_text(tmp_path, PEOPLE + "K1,a@example.com,,yes,,\n", at=timezone.now())
    ImportJob.objects.filter(pk=job.pk).update(status="undoing")
    decide_day()
    undo_import_task(job.pk, None)
    job.refresh_from_db()
    assert job.status == "done"
    assert "Decisions were made since" in job.error
