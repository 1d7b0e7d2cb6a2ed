"""A Flask site with Authlib and the registration in RECIPE."""

import logging
import os
import sys
from urllib.parse import urlsplit

from authlib.integrations.flask_client import OAuth
from flask import Flask, jsonify, redirect, session
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = Flask(__name__)
app.secret_key = "a secret of the site, for its own cookies"
recipe = {"oauth": OAuth(app)}
exec(os.environ["RECIPE"], recipe)  # the lines of the page
oauth = recipe["oauth"]


@app.get("/login")
def login():
    return oauth.mastodon.authorize_redirect(os.environ["ORIGIN"] + "/callback")


@app.get("/callback")
def callback():
    session["user"] = oauth.mastodon.authorize_access_token()["userinfo"]
    return redirect("/")


@app.get("/me")
def me():
    return jsonify(session.get("user"))


@app.get("/")
def home():
    return "home"


server = make_server("127.0.0.1", urlsplit(os.environ["ORIGIN"]).port, app)
print("listening")
sys.stdout.flush()
server.serve_forever()
