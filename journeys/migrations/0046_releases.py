import django.db.models.deletion
from django.db import migrations, models

import journeys.models.reason


def action() -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="campaigns.action",
        verbose_name="action",
    )


def reason() -> models.SmallIntegerField:
    return models.SmallIntegerField(
        choices=journeys.models.reason.reason_choices, verbose_name="reason"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0021_plain_texts"),
        ("journeys", "0045_plain_words"),
        ("segments", "0016_plain_texts"),
    ]
    operations = [
        migrations.CreateModel(
            name="Release",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("as_of", models.DateField(verbose_name="day of the message")),
                ("reason_code", reason()),
                ("released_at", models.DateTimeField(verbose_name="released at")),
                ("action", action()),
                (
                    "contact",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="release",
                        to="journeys.contact",
                        verbose_name="message",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="segments.customer",
                        verbose_name="customer",
                    ),
                ),
            ],
            options={
                "verbose_name": "release",
                "verbose_name_plural": "releases",
                "indexes": [models.Index(fields=["as_of", "action"], name="release_of_day")],
            },
        ),
        migrations.CreateModel(
            name="StoppedDay",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("as_of", models.DateField(verbose_name="day of the message")),
                ("reason_code", reason()),
                ("stopped_at", models.DateTimeField(verbose_name="stopped at")),
                ("action", action()),
            ],
            options={
                "verbose_name": "stopped day",
                "verbose_name_plural": "stopped days",
                "constraints": [
                    models.UniqueConstraint(fields=("as_of", "action"), name="day_stopped_once")
                ],
            },
        ),
    ]
