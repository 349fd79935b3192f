from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('segments', "0011_topics_declined"),
    ]

    operations = [
        migrations.AddField(
            model_name='organisation',
            name='lock_time',
            field=models.TimeField(blank=True, help_text="No message of the day's run leaves before this time, in the organisation's zone; until then it can be stopped: a paused campaign or action sends nothing more. Empty: messages leave as soon as they are decided.", null=True, verbose_name='lock time'),
        ),
    ]
