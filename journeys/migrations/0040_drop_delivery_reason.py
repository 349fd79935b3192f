"""The sentence is made when it is read."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("journeys", "0039_code_old_reasons")]

    operations = [migrations.RemoveField("delivery", "reason")]
