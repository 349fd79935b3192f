from django.db import migrations


def page(name, base, title):
    options = {
        "verbose_name": title,
        "verbose_name_plural": title,
        "proxy": True,
        "default_permissions": ("view",),
        "indexes": [],
        "constraints": [],
    }
    return migrations.CreateModel(name=name, fields=[], options=options, bases=(base,))


class Migration(migrations.Migration):
    dependencies = [("reports", "0002_what_if"), ("segments", "0006_features_from_attributes")]
    operations = [
        page("ClvBacktest", "segments.clvmodel", "predicted value vs actual"),
        page("SegmentMigration", "segments.segmentmove", "moves and segment value"),
    ]
