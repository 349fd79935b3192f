from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("campaigns", "0007_inbound_channel")]

    operations = [
        migrations.AddField(
            model_name='campaign',
            name='exempt_from_caps',
            field=models.BooleanField(default=False, help_text='No frequency cap holds it back. Its contacts still count in the caps of others; minimum gaps and quiet hours still apply.', verbose_name='exempt from caps'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='ignores_durations_of',
            field=models.ManyToManyField(blank=True, help_text='May be sent although the duration of one of these campaigns is running.', related_name='duration_ignored_by', to='campaigns.campaign', verbose_name='ignores the duration of'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='not_counted_by_caps',
            field=models.BooleanField(default=False, help_text='Its contacts from now on count in no frequency cap, not even in one that counts transactional messages. Caps still hold it back; contacts still start minimum gaps.', verbose_name='not counted by caps'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='transactional',
            field=models.BooleanField(default=False, help_text='A message that is owed, such as a receipt: outside of caps, exclusions, durations, minimum gaps and quiet hours. They neither hold it back nor start from it; it takes no slot. It still needs consent, and counts in caps that count transactional messages.', verbose_name='transactional'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='ignores_durations',
            field=models.BooleanField(default=False, help_text="May be sent although another campaign's duration is running, whichever it is.", verbose_name='ignores all durations'),
        ),
    ]
