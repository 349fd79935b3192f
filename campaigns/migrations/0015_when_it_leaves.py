import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', "0014_topics_for_customers"),
    ]

    operations = [
        migrations.AddField(
            model_name='campaign',
            name='expires_after_hours',
            field=models.PositiveSmallIntegerField(blank=True, help_text="Hours after the planned moment until when the message may still leave; later it is not sent. Empty: until the end of the organisation's next day; a transactional one then never expires.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)], verbose_name='expires after hours'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='run_anyway',
            field=models.BooleanField(default=False, help_text='On a day whose customer data is missing, others are not run; this one is decided on the latest data that there is.', verbose_name='run anyway'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='send_time_per_person',
            field=models.BooleanField(default=False, help_text='Sent at the hour, within 24 hours of the decision, at which the customer is likeliest to open or click, learned from the hours of the week at which that happened before; of a customer who seldom does, at which all customers do. Never in quiet hours.', verbose_name='send time per person'),
        ),
    ]
