"""What scripts/schemathesis tells the tool about this server: whom to be, and what there is.

The run is given a client of its own. Told to rotate or delete a client, it would sooner or later
do so to that one and be nobody from then on; it is given another client each time. What only people
can do it does as a person who has just logged in. Where an id is wanted it gets, every other time,
the id of something that is there: an id made up is refused before the rules are reached. Nothing
that was generated wrong on purpose is set right.
"""

import json
import os
import random
import urllib.error
import urllib.request

import schemathesis

URL = os.environ["CLAVIGER_URL"]
KEY = os.environ["CLAVIGER_KEY"]
PLACE = os.environ["CLAVIGER_PLACE"]
OWN = os.environ["CLAVIGER_CLIENT"]
ADMIN = {"email": os.environ["CLAVIGER_ADMIN"], "password": "correct horse battery staple"}
P = f"/api/v1/places/{PLACE}"

dice = random.Random(1)


def call(method, path, body=None, **headers):
    """The answer's body and headers; None where the server refuses."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **headers}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or "null"), answer.headers
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise
        return None, error.headers


def made(path, body):
    found, _ = call("POST", path, body)
    return found and found["id"]


def name():
    return f"fuzz {dice.getrandbits(48):x}"


def hours():
    return {"weekly": [{"days": ["mon", "fri"], "from": "08:00", "to": "17:00"}]}


def person():
    return made(f"{P}/people", {"first_name": name()})


def lock():
    return made(f"{P}/locks", {"name": name()})


def card():
    value = f"{dice.getrandbits(56):x}"
    return made(f"{P}/credentials", {"kind": "card", "card": {"bits": 56, "value": value}})


def grant():
    subject, target = {"person_id": person()}, {"lock_id": lock()}
    return made(f"{P}/grants", {"subject": subject, "target": target})


def client():
    body = {"name": name(), "kind": "api_key", "scopes": ["people:read"], "place_ids": [PLACE]}
    return made("/api/v1/clients", body)


def webhook():
    return made(f"{P}/webhooks", {"url": "https://example.org/x", "events": ["access_granted"]})


def batch():
    body = {"create": [{"subject": {"person_id": person()}, "target": {"lock_id": lock()}}]}
    return made(f"{P}/grants/batch", body)


# What makes one of each noun, by the path of its list.
MAKE = {
    f"{P}/people": person,
    f"{P}/locks": lock,
    f"{P}/credentials": card,
    f"{P}/controllers": lambda: made(f"{P}/controllers", {"name": name()}),
    f"{P}/access-levels": lambda: made(f"{P}/access-levels", {"name": name(), "lock_ids": [lock()]}),
    f"{P}/grants": grant,
    f"{P}/keys": grant,
    f"{P}/schedules": lambda: made(f"{P}/schedules", {"name": name(), **hours()}),
    f"{P}/webhooks": webhook,
    f"{P}/operations": batch,
    "/api/v1/clients": client,
}


# What makes one of what a field of a body refers to.
REFER = {
    "person_id": person,
    "lock_id": lock,
    "credential_id": card,
    "access_level_id": MAKE[f"{P}/access-levels"],
    "controller_id": MAKE[f"{P}/controllers"],
    "place_id": lambda: made("/api/v1/places", {"name": name(), "parent_id": PLACE}),
}


def refer(body):
    """The body with references, every other one, to what is there."""
    if isinstance(body, list):
        return [refer(it) for it in body]
    if not isinstance(body, dict):
        return body
    there = {field: make for field, make in REFER.items() if body.get(field) is not None}
    known = {field: make() for field, make in there.items() if dice.random() < 0.5}
    return {field: known.get(field) or refer(value) for field, value in body.items()}


def redeem():
    """Gives the administrator a password; the set-up code is good once."""
    body = {"setup_code": os.environ["CLAVIGER_SETUP_CODE"], "password": ADMIN["password"]}
    call("POST", "/api/v1/account/invitation", body)


redeem()


def session():
    """The secret of a session that has just begun."""
    _, headers = call("POST", "/api/v1/session", ADMIN, authorization="")
    return (headers.get("set-cookie") or "").split(";")[0].partition("=")[2]


# What only people can do.
PERSONAL = [
    ("GET", "/api/v1/sessions"),
    ("DELETE", "/api/v1/sessions"),
    ("DELETE", "/api/v1/session"),
    ("POST", "/api/v1/account/password"),
]


@schemathesis.auth(refresh_interval=None)
class Caller:
    def get(self, case, context):
        """Secrets of a person's session, or nothing for the program."""
        if (case.method.upper(), case.operation.path) in PERSONAL:
            return session()
        return ""

    def set(self, case, data, context):
        if data:
            case.cookies["__Host-claviger"] = data
            case.headers["Origin"] = URL
        else:
            case.headers["Authorization"] = f"Bearer {KEY}"


@schemathesis.hook
def before_call(context, case, kwargs):
    path, parameters = case.operation.path, case.path_parameters or {}
    wrong = any(it.mode.is_negative for it in case.meta.components.values()) if case.meta else False
    if not wrong and isinstance(case.body, (dict, list)):
        case.body = refer(case.body)
    make = MAKE.get(path.split("/{id}")[0].replace("{place}", PLACE))
    is_own = str(parameters.get("id")) == OWN
    if make and "id" in parameters and (is_own or (not wrong and dice.random() < 0.5)):
        parameters["id"] = make() or parameters["id"]
