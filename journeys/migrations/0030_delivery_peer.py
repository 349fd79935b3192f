from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('journeys', '0029_routes_to_peers'),
    ]
    operations = [
        migrations.AddField(
            model_name='delivery',
            name='peer_id',
            field=models.PositiveBigIntegerField(blank=True, help_text='To which of several other sides: a repeat goes to the same one.', null=True, verbose_name='endpoint or target'),
        ),
    ]
