"""A Django site with social-django and the settings in RECIPE."""

import os
import sys
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path

recipe = {}
exec(os.environ["RECIPE"], recipe)  # the lines of the page
settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="a secret of the site, for its own cookies",
    ALLOWED_HOSTS=["localhost"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "social_django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    LOGIN_REDIRECT_URL="/",
    **{name: value for name, value in recipe.items() if name.isupper()},
)
django.setup()
call_command("migrate", verbosity=0)


def home(request):
    token = get_token(request)
    return HttpResponse(
        f"""<form method="post" action="/login/oidc/">
        <input type="hidden" name="csrfmiddlewaretoken" value="{token}"><button>Log in</button></form>"""
    )


def me(request):
    if not request.user.is_authenticated:
        return JsonResponse(None, safe=False)
    known = request.user.social_auth.get(provider="oidc")
    return JsonResponse({"account": request.user.pk, "sub": known.uid, "name": request.user.username})


urlpatterns = [
    path("", home),
    path("me", me),
    path("", include("social_django.urls", namespace="social")),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


port = urlsplit(os.environ["ORIGIN"]).port
server = make_server("127.0.0.1", port, get_wsgi_application(), handler_class=Quiet)
print("listening")
sys.stdout.flush()
server.serve_forever()
