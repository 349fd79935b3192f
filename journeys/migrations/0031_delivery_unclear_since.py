from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0030_delivery_peer'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='unclear_since',
            field=models.DateTimeField(blank=True, help_text='First attempt under its key without a clear answer: a day later, no repeat.', null=True, verbose_name='unclear since'),
        ),
    ]
