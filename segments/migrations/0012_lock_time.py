from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('segments', "0011_topics_declined"),
    ]

    operations = [
        migrations.AddField(
            model_name='organisation',
            name='lock_time',
            field=models.TimeField(blank=True, help_text="No message of the day's run leaves before this time, here in the organisation's zone; until then the day can be decided again with the rules as they are by then. Empty: messages leave as soon as they are decided.", null=True, verbose_name='lock time'),
        ),
    ]
