from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("segments", "0024_statements_from_changes")]

    operations = [migrations.DeleteModel(name="ConsentChange")]
