import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('journeys', '0028_channel_peers'),
    ]
    operations = [
        migrations.AlterField(
            model_name='channelroute',
            name='transport',
            field=models.CharField(choices=[('smtp', 'e-mail server'), ('anymail', 'e-mail service provider'), ('file_drop', 'CSV file drop'), ('sftp', 'CSV by SFTP'), ('webhook', 'webhook'), ('call_list', 'call list')], max_length=10, verbose_name='transport'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='transport',
            field=models.CharField(blank=True, choices=[('smtp', 'e-mail server'), ('anymail', 'e-mail service provider'), ('file_drop', 'CSV file drop'), ('sftp', 'CSV by SFTP'), ('webhook', 'webhook'), ('call_list', 'call list')], db_default='', default='', help_text='What it was handed to: decides whether it may be repeated after a crash.', max_length=10, verbose_name='transport'),
        ),
        migrations.AddField(
            model_name='channelroute',
            name='target',
            field=models.ForeignKey(blank=True, help_text='Where the files go, of SFTP alone.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='routes', to='journeys.sftptarget', verbose_name='SFTP target'),
        ),
        migrations.AddField(
            model_name='channelroute',
            name='endpoint',
            field=models.ForeignKey(blank=True, help_text='Where the messages go, of a webhook alone.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='routes', to='journeys.webhookendpoint', verbose_name='webhook endpoint'),
        ),
        migrations.AddConstraint(
            model_name='channelroute',
            constraint=models.CheckConstraint(condition=models.Q(('channel', 'email'), models.Q(('transport', 'anymail'), _negated=True), _connector='OR'), name='anymail_carries_email', violation_error_message='An e-mail service provider carries e-mail alone.'),
        ),
        migrations.AddConstraint(
            model_name='channelroute',
            constraint=models.CheckConstraint(condition=models.Q(('channel', 'call'), models.Q(('transport', 'call_list'), _negated=True), _connector='OR'), name='call_list_carries_calls', violation_error_message='The call list carries calls alone.'),
        ),
        migrations.AddConstraint(
            model_name='channelroute',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('endpoint__isnull', False), ('transport', 'webhook')), models.Q(models.Q(('transport', 'webhook'), _negated=True), ('endpoint', None)), _connector='OR'), name='webhook_has_endpoint', violation_error_message='A webhook needs an endpoint; nothing else has one.'),
        ),
        migrations.AddConstraint(
            model_name='channelroute',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('target__isnull', False), ('transport', 'sftp')), models.Q(models.Q(('transport', 'sftp'), _negated=True), ('target', None)), _connector='OR'), name='sftp_has_target', violation_error_message='SFTP needs a target; nothing else has one.'),
        ),
    ]
