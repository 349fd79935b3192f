import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("campaigns", "0004_minimum_evidence")]

    operations = [
        migrations.AlterModelOptions(
            name='campaign',
            options={'ordering': ['name'], 'permissions': [('launch_campaign', 'Can launch, pause and end campaigns'), ('fix_mix', "Can set the mix of a campaign's actions by hand")], 'verbose_name': 'campaign', 'verbose_name_plural': 'campaigns'},
        ),
        migrations.AddField(
            model_name='campaign',
            name='fixed_action',
            field=models.ForeignKey(blank=True, editable=False, help_text='The one action that is sent. Empty: the engine learns the mix.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='campaigns.action', verbose_name='mix set to'),
        ),
    ]
