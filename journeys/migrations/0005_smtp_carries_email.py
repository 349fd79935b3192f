from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("journeys", "0004_delivery_batch")]
    operations = [
        migrations.AddConstraint(
            "channelroute",
            models.CheckConstraint(
                condition=models.Q(channel="email") | ~models.Q(transport="smtp"),
                name="smtp_carries_email",
                violation_error_message="The e-mail server carries e-mail alone.",
            ),
        ),
    ]
