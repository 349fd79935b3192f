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
    initial = True
    dependencies = [("campaigns", "0001_initial"), ("journeys", "0001_initial")]
    operations = [
        page("ArmWorth", "campaigns.armmembership", "optimised vs baseline vs holdout"),
        page("Uplift", "journeys.contact", "uplift"),
    ]
