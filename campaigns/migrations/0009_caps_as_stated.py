from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("campaigns", "0008_campaign_flags_of_limits")]

    operations = [
        migrations.AddField(
            model_name='frequencycap',
            name='counts_transactional',
            field=models.BooleanField(default=False, help_text='Transactional messages in scope use up the limit, too. They are never held back by it.', verbose_name='counts transactional messages'),
        ),
        migrations.AddField(
            model_name='frequencycap',
            name='week_starts_on',
            field=models.PositiveSmallIntegerField(choices=[(1, 'Monday'), (2, 'Tuesday'), (3, 'Wednesday'), (4, 'Thursday'), (5, 'Friday'), (6, 'Saturday'), (7, 'Sunday')], default=1, help_text='First day of a calendar week.', verbose_name='week starts on'),
        ),
        migrations.AlterField(
            model_name='exclusion',
            name='both_ways',
            field=models.BooleanField(default=False, help_text='A contact by what is shut out also shuts out the other, for as many days.', verbose_name='both ways'),
        ),
        migrations.AlterField(
            model_name='exclusion',
            name='days',
            field=models.PositiveSmallIntegerField(help_text='Calendar days of the organisation: a contact on Monday with 2 days shuts out Monday and Tuesday. Transactional campaigns neither shut out nor are shut out.', verbose_name='days'),
        ),
        migrations.AlterField(
            model_name='frequencycap',
            name='limit',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Contacts allowed in the window. 0 allows none; empty is no cap. Where several caps apply, each must have room: the strictest wins. Messages and those withheld from control members count alike, as soon as they are decided.', null=True, verbose_name='limit'),
        ),
        migrations.AlterField(
            model_name='frequencycap',
            name='scope',
            field=models.CharField(choices=[('all', 'all contacts'), ('channel', 'a channel'), ('tag', 'a campaign tag')], default='all', help_text='What is counted, and held back once it is full. Tags count as they were when a contact was decided; later edits change no count.', max_length=7, verbose_name='scope'),
        ),
        migrations.AlterField(
            model_name='frequencycap',
            name='window',
            field=models.CharField(choices=[('hours', 'rolling hours'), ('days', 'rolling days (24 hours each)'), ('day', 'calendar day'), ('week', 'calendar week'), ('month', 'calendar month')], default='days', help_text="Rolling: the hours or days before the moment of decision; a contact exactly as old as the window no longer counts. Calendar: from midnight in the customer's time zone, else the main one of the customer's country, else the organisation's. A contact planned for later counts in every window.", max_length=5, verbose_name='window'),
        ),
        migrations.AddConstraint(
            model_name='frequencycap',
            constraint=models.CheckConstraint(condition=models.Q(('week_starts_on__gte', 1), ('week_starts_on__lte', 7)), name='cap_week_starts_on_a_weekday'),
        ),
    ]
