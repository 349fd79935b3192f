import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0023_map_cursor_per_map'),
    ]

    operations = [
        migrations.AddField(
            model_name='channelroute',
            name='max_per_minute',
            field=models.PositiveIntegerField(blank=True, help_text='At most so many are handed over in a minute of the clock, by all workers together; the others wait for the next minutes, those due first go first. Empty: no limit.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='messages per minute'),
        ),
        migrations.CreateModel(
            name='RouteMinute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('sms', 'SMS'), ('push', 'app push'), ('call', 'call'), ('post', 'post'), ('web', 'web page or agent')], max_length=8, verbose_name='channel')),
                ('minute', models.DateTimeField(verbose_name='minute')),
                ('n_messages', models.PositiveIntegerField(default=0, verbose_name='messages')),
            ],
            options={
                'verbose_name': 'minute of a route',
                'verbose_name_plural': 'minutes of routes',
                'constraints': [models.UniqueConstraint(fields=('channel', 'minute'), name='minute_once_per_channel')],
            },
        ),
    ]
