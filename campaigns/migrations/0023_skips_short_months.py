from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0022_channels_from_code")]
    operations = [
        migrations.AddField(
            model_name="campaign",
            name="skips_short_months",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Off: days 29 to 31 mean the last day of a shorter month, in February "
                "the 28th or 29th. On: the campaign does not run in such a month.",
                verbose_name="skip shorter months",
            ),
        ),
    ]
