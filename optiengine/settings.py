"""Settings, read from the environment; a value that cannot be read fails at start-up.

Every variable is described in docs/reference/settings.md; a test compares names and defaults.
"""

from pathlib import Path
from pkgutil import iter_modules

import anymail.backends
import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from optiengine.lib import embedded_postgres
from optiengine.menu import NAVIGATION

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=True)
DATA_DIR = env.path("DATA_DIR", default=BASE_DIR / "var", required=False)
DATA_DIR = Path(str(DATA_DIR))

DEVELOPMENT_KEY = "development-only-key-never-for-production-0123456789"
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_KEY if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY: without DEBUG there is no default.")
SUPPRESSION_KEY = env.str("SUPPRESSION_KEY", default=DEVELOPMENT_KEY if DEBUG else "")
if not SUPPRESSION_KEY:
    raise ImproperlyConfigured("Set SUPPRESSION_KEY: without DEBUG there is no default.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
if PUBLIC_URL and not PUBLIC_URL.startswith(("https://", "http://") if DEBUG else "https://"):
    raise ImproperlyConfigured("PUBLIC_URL must begin with https:// (required by RFC 8058).")
UNSUBSCRIBE_MAILBOX = env.str("UNSUBSCRIBE_MAILBOX", default="")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "import_export",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "anymail",
    "optiengine",
    "segments",
    "campaigns",
    "journeys",
    "reports",
    "optiengine.lab",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "optiengine.urls"
WSGI_APPLICATION = "optiengine.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "optiengine" / "overrides"],  # instead of templates of packages
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

if not env.str("DATABASE_URL", default=""):
    env.ENVIRON["DATABASE_URL"] = embedded_postgres.start(DATA_DIR / "postgres")
DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
# Only statements that set `prepare` are prepared on the server; no other reaches this number.
DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = 1_000_000_000
DATABASES["default"]["CONN_MAX_AGE"] = 600  # seconds a connection is kept for the next request
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("pt", _("Portuguese"))]
LOCALE_PATHS = [BASE_DIR / "optiengine" / "locale"]
FORMAT_MODULE_PATH = ["optiengine.formats"]
TIME_ZONE = "UTC"  # of the machine; the organisation's own zone is a row in the admin
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # it may be empty, but must be there
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = DATA_DIR / "uploads"  # never served: downloads go through views that check permissions
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # bytes; larger uploads stream to a file
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024  # bytes of a request's fields
FILE_DROP_DIR = Path(env.str("FILE_DROP_DIR", default=str(DATA_DIR / "file_drop")))

EMAIL_CONFIG = env.email_url("EMAIL_URL", default=f"filemail:///{DATA_DIR / 'outbox'}")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_FILE_PATH = EMAIL_CONFIG.get("EMAIL_FILE_PATH") or str(DATA_DIR / "outbox")
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 20  # seconds until a silent mail server counts as failed
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="optiengine@localhost")

# An e-mail provider in addition to, or instead of, the mail server: the transport "anymail".
ANYMAIL_ESP = env.str("ANYMAIL_ESP", default="").lower()
NO_ESPS = {"base", "base_requests", "console", "test", "sendinblue"}
ESPS = {module.name for module in iter_modules(anymail.backends.__path__)} - NO_ESPS
if ANYMAIL_ESP and ANYMAIL_ESP not in ESPS:
    raise ImproperlyConfigured(f"ANYMAIL_ESP must be one of {', '.join(sorted(ESPS))}.")
ANYMAIL = {
    **{
        name.removeprefix("ANYMAIL_"): value
        for name, value in env.ENVIRON.items()
        if name.startswith("ANYMAIL_") and name != "ANYMAIL_ESP"
    },
    "REQUESTS_TIMEOUT": 10,  # seconds of silence until a provider counts as failed
}

# First of all the one that seals; see optiengine.lib.sealing.
SECRETS_KEYS = env.list("SECRETS_KEYS", default=[SECRET_KEY])
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", default=False)

# Two clusters, so that a run or an import keeps nobody waiting: the other one, "prompt", does what
# is rung for each minute. Of its workers not all may send at once, however much there is to send.
PROMPT_CLUSTER = "prompt"
PROMPT_WORKERS = env.int("Q_PROMPT_WORKERS", default=3)
SENDERS = env.int("SENDERS", default=max(1, PROMPT_WORKERS - 1))

# The ledger is in our tables; a task only says "wake up and claim work".
Q_CLUSTER = {
    "name": "optiengine",
    "label": _("Background tasks"),
    "orm": "default",  # the queue is a table of ours, so tasks commit with the rows they need
    "workers": env.int("Q_WORKERS", default=2),
    "timeout": 15 * 60,  # seconds a task may run; an import of millions of rows is one task
    "retry": 20 * 60,  # seconds until an unfinished task is offered again; above timeout
    "max_attempts": 5,
    "ack_failures": True,
    "catch_up": False,  # after an outage a schedule fires once, not once per missed time
    "bulk": 1,
    "queue_limit": env.int("Q_WORKERS", default=2),  # the lease starts when a task is dequeued
    "recycle": 200,
    "save_limit": 250,
    "poll": 0.5,  # seconds
    "ALT_CLUSTERS": {PROMPT_CLUSTER: {"workers": PROMPT_WORKERS, "queue_limit": PROMPT_WORKERS}},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["optiengine.lib.permissions.ModelPermissions"],
    "DEFAULT_PAGINATION_CLASS": "optiengine.lib.pagination.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "optiengine.lib.schema.ApiSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["optiengine.lib.json_body.SmallJson"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.ScopedRateThrottle"],
    # For an address, per server process.
    "DEFAULT_THROTTLE_RATES": {"login": "10/min", "pages": "120/min", "sign_ups": "10/min"},
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),  # else a header could dodge the throttle
    "URL_FORMAT_OVERRIDE": None,  # no parameter works unless an operation names it
    "STRICT_JSON": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "OptiEngine API",
    "DESCRIPTION": _(
        "Read customers, campaigns, decisions and reports, and start decision runs. Amounts are "
        "in cents, probabilities and rates are 0 to 1, and null means unknown. Unknown "
        "parameters are refused."
    ),
    "EXTERNAL_DOCS": {"description": _("Documentation"), "url": "/docs/reference/api.html"},
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {
        "Arm": "campaigns.models.Arm",
        "CampaignStatus": "campaigns.models.Campaign.Status",
        "Channel": "segments.channel_labels.channel_choices",
        "Layer": "journeys.models.Decision.Layer",
        "Recurrence": "campaigns.models.Campaign.Recurrence",
        "RunStatus": "journeys.models.DecisionRun.Status",
        "Stage": "segments.models.Stage",
        "UpliftState": "reports.api.serializers.STATES",
        "Weekday": "campaigns.models.limit.Weekday",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

UNFOLD = {
    "SITE_TITLE": "OptiEngine",
    "SITE_HEADER": "OptiEngine",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,  # there is no other site to return to
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("optiengine/icon.svg"),
        }
    ],
    "DASHBOARD_CALLBACK": "optiengine.dashboard.dashboard",
    "STYLES": [lambda request: static("optiengine/admin.css")],
    "SIDEBAR": {"show_search": True, "navigation": NAVIGATION},
    "SHOW_LANGUAGES": True,
}

IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True  # a cell that starts with = + - @ opens as text

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
}

if not DEBUG:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
