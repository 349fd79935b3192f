from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0002_action_text_help")]

    operations = [
        migrations.AlterModelOptions(
            name="campaign",
            options={
                "ordering": ["name"],
                "permissions": [("launch_campaign", "Can launch, pause and end campaigns")],
                "verbose_name": "campaign",
                "verbose_name_plural": "campaigns",
            },
        ),
    ]
