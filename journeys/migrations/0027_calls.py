import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('campaigns', '0007_inbound_channel'),
        ('segments', '0008_inbound_channel'),
        ('journeys', '0026_traveller_at_once'),
    ]
    operations = [
        migrations.CreateModel(
            name='Call',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(help_text='Of the delivery: listed again, it stays one call.', unique=True, verbose_name='key')),
                ('as_of', models.DateField(db_index=True, verbose_name='day')),
                ('script', models.TextField(verbose_name='script')),
                ('listed_at', models.DateTimeField(verbose_name='listed at')),
                ('outcome', models.CharField(choices=[('waiting', 'waiting'), ('reached', 'reached'), ('not_reached', 'not reached'), ('refused', 'refused')], default='waiting', max_length=11, verbose_name='outcome')),
                ('settled_at', models.DateTimeField(blank=True, null=True, verbose_name='settled at')),
                ('settled_by', models.CharField(blank=True, max_length=150, verbose_name='settled by')),
                ('action', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='campaigns.action', verbose_name='action')),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='segments.customer', verbose_name='customer')),
            ],
            options={
                'verbose_name': 'call',
                'verbose_name_plural': 'calls',
            },
        ),
        migrations.AddConstraint(
            model_name='call',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'waiting'), ('settled_at', None)), models.Q(models.Q(('outcome', 'waiting'), _negated=True), ('settled_at__isnull', False)), _connector='OR'), name='call_settled_at'),
        ),
    ]
