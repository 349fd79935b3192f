"""The engine's settings on a simulated clock, with sinks on loopback instead of other systems.

Whatever asks for the time, pages and tasks alike, goes through django.utils.timezone.now: it is
replaced before anything else is loaded. Leases go by the database's clock, which stays real.
"""

import os

from django.utils import timezone

from optiengine.lab.bench.month.clock import clock_of_environment

timezone.now = clock_of_environment().now

from optiengine.settings import *  # noqa: E402, F403
from optiengine.settings import DATABASES, INSTALLED_APPS, Q_CLUSTER, REST_FRAMEWORK  # noqa: E402

DATABASES["default"]["NAME"] = os.environ["MONTH_DATABASE"]
INSTALLED_APPS += os.environ.get("MONTH_APPS", "").split()
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST, EMAIL_PORT = "127.0.0.1", int(os.environ.get("MONTH_SMTP_PORT", "25"))
WEBHOOK_ALLOW_PRIVATE = WEBHOOK_ALLOW_HTTP = True
PUBLIC_URL = f"http://127.0.0.1:{os.environ.get('MONTH_WEB_PORT', '80')}"
Q_CLUSTER |= {"workers": 2, "queue_limit": 2, "poll": 0.1}
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] |= {"login": None, "pages": None}
