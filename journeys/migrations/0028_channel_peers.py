import django.core.validators
from django.db import migrations, models

import journeys.models.peer


class Migration(migrations.Migration):
    dependencies = [
        ('journeys', '0027_calls'),
    ]
    operations = [
        migrations.CreateModel(
            name='SftpTarget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed_secret', models.TextField(editable=False, verbose_name='secret')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('host', models.CharField(max_length=255, verbose_name='host')),
                ('port', models.PositiveIntegerField(default=22, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)], verbose_name='port')),
                ('username', models.CharField(max_length=100, verbose_name='user')),
                ('host_key', models.TextField(help_text='The line that “ssh-keyscan host” prints, checked with whoever runs the host: to a host with another key nothing is sent.', verbose_name='host key')),
                ('folder', models.CharField(default='.', help_text='There already; “.” is where the user arrives.', max_length=500, validators=[journeys.models.peer.validate_folder], verbose_name='folder')),
                ('is_active', models.BooleanField(default=True, help_text='Not active: its messages wait.', verbose_name='active')),
            ],
            options={
                'verbose_name': 'SFTP target',
                'verbose_name_plural': 'SFTP targets',
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed_secret', models.TextField(editable=False, verbose_name='secret')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('url', models.CharField(help_text='https://… It stays as it is: a repeat after a crash must go where the first attempt went. For another address make another endpoint.', max_length=500, verbose_name='address')),
                ('is_active', models.BooleanField(default=True, help_text='Not active: its messages wait.', verbose_name='active')),
                ('timeout_seconds', models.PositiveSmallIntegerField(default=10, help_text='Seconds for one message, connecting included; at most 10.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10)], verbose_name='time-out')),
            ],
            options={
                'verbose_name': 'webhook endpoint',
                'verbose_name_plural': 'webhook endpoints',
            },
        ),
    ]
