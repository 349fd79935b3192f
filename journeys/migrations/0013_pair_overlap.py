from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("journeys", "0012_capacity")]

    operations = [
        migrations.AddField(
            "pairevidence", name, models.FloatField(default=0), preserve_default=False
        )
        for name in ("h", "hy")
    ]
