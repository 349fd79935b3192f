import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("campaigns", "0003_launch_permission")]

    operations = [
        migrations.CreateModel(
            name='MinimumEvidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('n_test', models.PositiveIntegerField(default=50, help_text='Messages of each action whose outcome is known, old ones discounted. Until each action has as many, over all micro-segments, it keeps an even share everywhere.', verbose_name='contacts')),
                ('n_test_responders', models.PositiveIntegerField(default=15, help_text='Of these contacts, those who responded.', verbose_name='responders')),
                ('n_control', models.PositiveIntegerField(default=30, help_text='Withheld messages of each action whose outcome is known.', verbose_name='control contacts')),
                ('n_control_responders', models.PositiveIntegerField(default=5, help_text='Of the control contacts, those who responded all the same.', verbose_name='control responders')),
                ('campaign', models.OneToOneField(blank=True, help_text='Empty: for every campaign that has no row of its own.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='minimum_evidence', to='campaigns.campaign', verbose_name='campaign')),
            ],
            options={
                'verbose_name': 'minimum evidence',
                'verbose_name_plural': 'minimum evidence',
                'constraints': [models.UniqueConstraint(fields=('campaign',), name='minimum_evidence_once', nulls_distinct=False, violation_error_message='There is a row for this already: change that one.')],
            },
        ),
    ]
