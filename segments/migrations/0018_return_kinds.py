import django.contrib.postgres.fields
from django.db import migrations, models

import segments.models.organisation


class Migration(migrations.Migration):
    dependencies = [("segments", "0017_channels_from_code")]
    operations = [
        migrations.AddField(
            model_name="organisation",
            name="return_kinds",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                blank=True,
                default=segments.models.organisation.default_return_kinds,
                help_text="Event kinds that give money back, like “return”. Their amounts "
                "lower the margin, with or without a minus sign.",
                size=20,
                verbose_name="kinds of returns",
            ),
        ),
    ]
