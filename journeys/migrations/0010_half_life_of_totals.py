import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("journeys", "0009_contact_mix")]

    operations = [
        migrations.AddField(
            model_name='uplifttotal',
            name='half_life_days',
            field=models.PositiveSmallIntegerField(default=180, help_text='By which its days are discounted.', verbose_name='half-life in days'),
        ),
    ]
