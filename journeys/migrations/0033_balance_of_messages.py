from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0032_events_to_answer'),
    ]

    operations = [
        migrations.AddField(
            model_name='decisionrun',
            name='deliveries',
            field=models.JSONField(default=dict, help_text="What became of the day's messages, counted in SQL after each delivery.", verbose_name='deliveries'),
        ),
        migrations.AddField(
            model_name='decisionrun',
            name='run_anyway_by',
            field=models.CharField(blank=True, help_text='Who had all campaigns decided on an older state.', max_length=150, verbose_name='run anyway by'),
        ),
        migrations.AlterField(
            model_name='decisionrun',
            name='status',
            field=models.CharField(choices=[('waiting', "waiting for the day's state"), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('not_run', 'not run'), ('live', 'in real time')], default='waiting', max_length=7, verbose_name='status'),
        ),
    ]
