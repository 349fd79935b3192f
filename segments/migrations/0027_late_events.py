import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('segments', '0026_import_file_times'),
    ]

    operations = [
        migrations.AddField(
            model_name='organisation',
            name='late_event_days',
            field=models.PositiveSmallIntegerField(default=90, help_text='Days after the end of a window in which late or corrected events still change its outcome. 0: never.', validators=[django.core.validators.MaxValueValidator(365)], verbose_name='late events count (days)'),
        ),
        migrations.AlterField(
            model_name='eventcursor',
            name='marked_id',
            field=models.BigIntegerField(default=0, help_text='Settled once none of `writers` is at work.'),
        ),
        migrations.AlterField(
            model_name='eventcursor',
            name='settled_id',
            field=models.BigIntegerField(default=0),
        ),
        migrations.CreateModel(
            name='EventCorrection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('occurred_at', models.DateTimeField()),
                ('customer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='segments.customer')),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
