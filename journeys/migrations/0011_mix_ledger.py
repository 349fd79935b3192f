import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("campaigns", "0001_initial"), ("journeys", "0010_half_life_of_totals"), ("segments", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name='ActionEvidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('measured_on', models.DateField(db_index=True, verbose_name='measured on')),
                ('n_test', models.PositiveIntegerField(verbose_name='test')),
                ('n_test_responders', models.PositiveIntegerField(verbose_name='test responders')),
                ('n_control', models.PositiveIntegerField(verbose_name='control')),
                ('n_control_responders', models.PositiveIntegerField(verbose_name='control responders')),
                ('action', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.action', verbose_name='action')),
                ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.campaign', verbose_name='campaign')),
                ('micro_segment', models.ForeignKey(db_index=False, help_text='Empty: all together.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='segments.microsegment', verbose_name='micro-segment')),
            ],
            options={
                'verbose_name': 'evidence of a day',
                'verbose_name_plural': 'evidence by day',
                'constraints': [models.UniqueConstraint(fields=('campaign', 'micro_segment', 'measured_on', 'action'), name='evidence_once_a_day', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='MixDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('as_of', models.DateField(db_index=True, verbose_name='day')),
                ('expected', models.FloatField(help_text="Sum of the probabilities of this action over the campaign's contacts.", verbose_name='expected contacts')),
                ('n_contacts', models.PositiveIntegerField(help_text='Controls among them.', verbose_name='contacts')),
                ('action', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.action', verbose_name='action')),
                ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.campaign', verbose_name='campaign')),
                ('micro_segment', models.ForeignKey(db_index=False, help_text='Empty: all together.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='segments.microsegment', verbose_name='micro-segment')),
            ],
            options={
                'verbose_name': 'mix of a day',
                'verbose_name_plural': 'mix by day',
                'constraints': [models.UniqueConstraint(fields=('campaign', 'micro_segment', 'as_of', 'action'), name='mix_once_a_day', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='PairEvidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('measured_on', models.DateField(db_index=True, verbose_name='measured on')),
                ('n_first', models.PositiveIntegerField()),
                ('n_second', models.PositiveIntegerField()),
                ('g', models.FloatField()),
                ('g2', models.FloatField()),
                ('gy', models.FloatField()),
                ('g2y', models.FloatField()),
                ('g2y2', models.FloatField()),
                ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.campaign', verbose_name='campaign')),
                ('first_action', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.action')),
                ('micro_segment', models.ForeignKey(db_index=False, help_text='Empty: all together.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='segments.microsegment', verbose_name='micro-segment')),
                ('second_action', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.action')),
            ],
            options={
                'verbose_name': 'comparison of a day',
                'verbose_name_plural': 'comparisons by day',
                'constraints': [models.UniqueConstraint(fields=('campaign', 'micro_segment', 'measured_on', 'first_action', 'second_action'), name='pair_once_a_day', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('first_action__lt', models.F('second_action'))), name='pair_in_order')],
            },
        ),
    ]
