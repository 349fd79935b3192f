from django.db import migrations, models

import journeys.decision_version

WORDS = {
    "help_text": "Which numerics decided it. Only a release of the same version replays it.",
    "verbose_name": "decision version",
}


class Migration(migrations.Migration):
    """Runs that are there already are of the first version, whichever is current when this runs."""

    dependencies = [("journeys", "0040_drop_delivery_reason")]

    operations = [
        migrations.AddField(
            model_name="decisionrun",
            name="decision_version",
            field=models.PositiveSmallIntegerField(default=1, **WORDS),
        ),
        migrations.AlterField(
            model_name="decisionrun",
            name="decision_version",
            field=models.PositiveSmallIntegerField(
                default=journeys.decision_version.current_version, **WORDS
            ),
        ),
    ]
