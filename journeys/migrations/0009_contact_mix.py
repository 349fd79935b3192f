import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("journeys", "0008_troubled_deliveries")]

    operations = [
        migrations.AddField(
            model_name='contact',
            name='mix_action_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), help_text="The campaign's actions among which was drawn; empty: there was one alone.", null=True, size=None, verbose_name='actions of the mix'),
        ),
        migrations.AddField(
            model_name='contact',
            name='mix_shares',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), help_text='P(each of these actions | this campaign), in the same order.', null=True, size=None, verbose_name='shares of the mix'),
        ),
    ]
