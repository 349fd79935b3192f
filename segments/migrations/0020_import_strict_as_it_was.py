"""Imports that were confirmed before a cell was told from a row run as they were confirmed."""

from django.db import migrations


def keep_meaning(apps, schema_editor):
    jobs = apps.get_model("segments", "ImportJob").objects.exclude(status="done")
    for job in jobs.iterator():
        job.options = {"strict": True, "empty": "clear"} | job.options
        job.save(update_fields=["options"])


class Migration(migrations.Migration):
    dependencies = [("segments", "0019_import_warnings")]
    operations = [migrations.RunPython(keep_meaning, migrations.RunPython.noop)]
