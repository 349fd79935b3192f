import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0047_release_what_never_left'),
    ]

    operations = [
        migrations.AlterField(
            model_name='actionevidence',
            name='n_control_responders',
            field=models.FloatField(verbose_name='control conversions'),
        ),
        migrations.AlterField(
            model_name='actionevidence',
            name='n_test_responders',
            field=models.FloatField(verbose_name='test conversions'),
        ),
        migrations.AlterField(
            model_name='upliftday',
            name='n_control_responders',
            field=models.IntegerField(verbose_name='control conversions'),
        ),
        migrations.AlterField(
            model_name='upliftday',
            name='n_test_responders',
            field=models.IntegerField(verbose_name='test conversions'),
        ),
        migrations.CreateModel(
            name='OutcomeChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('as_of', models.DateField(verbose_name='day of the message')),
                ('changed_on', models.DateField(db_index=True, verbose_name='changed on')),
                ('n_responses_before', models.PositiveIntegerField(verbose_name='conversions before')),
                ('n_responses', models.PositiveIntegerField(verbose_name='conversions')),
                ('margin_cents_before', models.BigIntegerField(verbose_name='margin in cents before')),
                ('margin_cents', models.BigIntegerField(verbose_name='margin in cents')),
                ('value_cents_before', models.FloatField(verbose_name='value in cents before')),
                ('value_cents', models.FloatField(verbose_name='value in cents')),
                ('contact', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='outcome_changes', to='journeys.contact', verbose_name='message')),
            ],
            options={
                'verbose_name': 'late change of an outcome',
                'verbose_name_plural': 'late changes of outcomes',
                'constraints': [models.UniqueConstraint(fields=('contact', 'changed_on'), name='changed_once_a_day')],
            },
        ),
    ]
