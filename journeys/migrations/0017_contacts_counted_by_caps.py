from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0016_inbound_channel'),
    ]

    operations = [
        migrations.AddField(
            model_name='contact',
            name='counted',
            field=models.BooleanField(db_default=True, default=True, help_text='As the campaign was at that moment.', verbose_name='counted by caps'),
        ),
        migrations.AddField(
            model_name='contact',
            name='transactional',
            field=models.BooleanField(db_default=False, default=False, help_text='As the campaign was at that moment.', verbose_name='transactional'),
        ),
    ]
