import django.contrib.postgres.fields
import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("campaigns", "0009_caps_as_stated")]

    operations = [
        migrations.CreateModel(
            name='MinimumGap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('channel', models.CharField(blank=True, choices=[('email', 'e-mail'), ('sms', 'SMS'), ('push', 'app push'), ('call', 'call'), ('post', 'post'), ('web', 'web page or agent')], help_text='Between contacts by this channel. Empty: between any two contacts.', max_length=8, verbose_name='channel')),
                ('hours', models.PositiveSmallIntegerField(help_text='Rolling hours: a contact less than this ago holds the next back, one exactly this ago does not. A contact planned for later holds it back, too. Test and control count alike. Transactional messages, and what is sent in addition, neither start a gap nor wait for one; being exempt from caps, or not counted by them, changes nothing.', verbose_name='hours')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
            ],
            options={
                'verbose_name': 'minimum gap',
                'verbose_name_plural': 'minimum gaps',
            },
        ),
        migrations.CreateModel(
            name='QuietHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('channel', models.CharField(blank=True, choices=[('email', 'e-mail'), ('sms', 'SMS'), ('push', 'app push'), ('call', 'call'), ('post', 'post')], help_text='Empty: every channel by which we come to customers. The most specific quiet hours hold alone: those of channel and country; else of the country; else of the channel; else those without either.', max_length=8, verbose_name='channel')),
                ('country', models.CharField(blank=True, help_text="The customer's, as ISO 3166 code. Empty: every country.", max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}$', 'Two capital letters, such as DE.')], verbose_name='country')),
                ('starts_at', models.TimeField(help_text="Local time of the customer: in the customer's time zone; where that is not known, in every time zone of the customer's country; else in the organisation's.", verbose_name='starts at')),
                ('ends_at', models.TimeField(help_text='At this time sending is possible again. Earlier than the start: on the next day. Where clocks change, a time that does not exist is taken as the first moment after it; of a time that comes twice, quiet begins with the first and ends with the second.', verbose_name='ends at')),
                ('weekdays', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(choices=[(1, 'Monday'), (2, 'Tuesday'), (3, 'Wednesday'), (4, 'Thursday'), (5, 'Friday'), (6, 'Saturday'), (7, 'Sunday')]), blank=True, default=list, help_text='Days on which quiet hours start, 1 (Monday) to 7; hours past midnight belong to the day they start on. Empty: every day.', size=None, verbose_name='weekdays')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
            ],
            options={
                'verbose_name': 'quiet hours',
                'verbose_name_plural': 'quiet hours',
            },
        ),
        migrations.AddConstraint(
            model_name='minimumgap',
            constraint=models.CheckConstraint(condition=models.Q(('hours__gte', 1)), name='gap_lasts_an_hour', violation_error_message='A minimum gap lasts at least an hour.'),
        ),
        migrations.AddConstraint(
            model_name='quiethours',
            constraint=models.CheckConstraint(condition=models.Q(('starts_at', models.F('ends_at')), _negated=True), name='quiet_hours_end_another_time', violation_error_message='Quiet hours end at another time than they start.'),
        ),
        migrations.AddConstraint(
            model_name='quiethours',
            constraint=models.CheckConstraint(condition=models.Q(('weekdays__contained_by', [1, 2, 3, 4, 5, 6, 7])), name='quiet_hours_on_weekdays', violation_error_message='Weekdays are 1 (Monday) to 7.'),
        ),
    ]
