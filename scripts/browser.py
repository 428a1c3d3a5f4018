#!/usr/bin/env python3
"""Logs in to a program by the pages of /compat/tapkey/connect/authorize, in a browser.

What a browser alone can say: that the pages' policy lets their forms be sent and lead back to the
program, that cookies are kept, that the form of form_post sends itself, and that a program which is
a page of another origin reads what it is answered, while another's page does not. Starts a server on
a folder of its own, programs that listen on 127.0.0.1, and a headless Chromium, which is spoken to
through pipes (the DevTools protocol). The standard library is all that it needs.

    scripts/browser.py            CLAVIGER=path and CHROMIUM=path name other programs
"""

import base64
import http.server
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery"
EMAIL = "admin@localhost"
PATIENCE_S = 60

# A program that is a page alone: it finds the server's addresses, sends people to the log-in with a
# challenge of its own making, and does the rest with what it is given back. What it did, or why it
# could not, it leaves in `told`.
PAGE = """<!doctype html><title>A program</title><p id=told></p><script>
const [server, client] = ["SERVER", "CLIENT"];
const back = location.origin + "/page";
const text = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "");
const asked = {};
async function call(method, path, body, form) {
  const headers = {};
  if (asked.token) headers.authorization = "Bearer " + asked.token;
  if (body) headers["content-type"] = form ? "application/x-www-form-urlencoded"
    : "application/json";
  const answer = await fetch(path, {method, headers, body});
  return {status: answer.status, count: answer.headers.get("x-total-count"),
    body: await answer.json()};
}
async function begins() {
  const found = (await call("GET", server + "/.well-known/openid-configuration")).body;
  const verifier = text(crypto.getRandomValues(new Uint8Array(32)));
  const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.verifier = verifier;
  sessionStorage.token_endpoint = found.token_endpoint;
  location = found.authorization_endpoint + "?" + new URLSearchParams({client_id: client,
    redirect_uri: back, response_type: "code", code_challenge: text(challenge), state: "s",
    code_challenge_method: "S256", scope: "read:owneraccounts write:core:entities read:logs "
      + "offline_access"});
}
async function goes_on(code) {
  const token = fields => call("POST", sessionStorage.token_endpoint,
    new URLSearchParams({client_id: client, ...fields}).toString(), true);
  const given = await token({grant_type: "authorization_code", code, redirect_uri: back,
    code_verifier: sessionStorage.verifier});
  asked.token = given.body.access_token;
  const owners = await call("GET", server + "/api/v1/owners");
  const owner = server + "/api/v1/owners/" + owners.body[0].id;
  const made = await call("PUT", owner + "/contacts",
    JSON.stringify({ipId: "tapkey", identifier: "ann@example.org"}));
  const contacts = await call("GET", owner + "/contacts?$count=true&$top=500");
  const log = await call("GET", owner + "/logentries?$top=500");
  const wrong = await call("GET", owner + "/contacts?filter=x");
  asked.token = (await token({grant_type: "refresh_token",
    refresh_token: given.body.refresh_token})).body.access_token;
  const again = await call("GET", owner + "/contacts/" + made.body.id);
  asked.token = "none";
  const unknown = await call("GET", server + "/api/v1/owners");
  return {given: given.status, owner: owners.body[0].name, made: made.status,
    contacts: [contacts.body.length, Number(contacts.count)], log: log.status,
    wrong: [wrong.status, wrong.body.ErrorCode], again: again.body.identifier,
    unknown: unknown.status};
}
const code = new URLSearchParams(location.search).get("code");
(code ? goes_on(code) : begins()).catch(error => ({failed: error.message}))
  .then(told => { if (told) document.querySelector("#told").textContent = JSON.stringify(told); });
</script>"""


def browser_path():
    """Where the browser is, if there is one."""
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def server_path():
    """The server, built if need be."""
    if named := os.environ.get("CLAVIGER"):
        return named
    subprocess.run(["cargo", "build", "--locked", "-q", "-p", "claviger"], cwd=HERE, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", HERE / "target")
    return str(pathlib.Path(target) / "debug" / "claviger")


class Chromium:
    """A browser without a window, and one page of it."""

    def __init__(self, path, folder):
        to_browser, self.tell = os.pipe()
        self.hear, from_browser = os.pipe()
        # Whatever the pipes' numbers are, the browser has them as 3 and 4.
        pipes = f"exec 3<&{to_browser} 4>&{from_browser}"
        flags = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
                 "--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking",
                 f"--user-data-dir={folder}/browser", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", f'{pipes}; exec "$@"', "bash", path, *flags],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.rest, self.answers, self.complaints = 0, b"", queue.Queue(), []
        threading.Thread(target=self._listen, daemon=True).start()
        page = self.call("Target.createTarget", {"url": "about:blank"})
        attached = self.call("Target.attachToTarget",
                             {"targetId": page["targetId"], "flatten": True})
        self.session = attached["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable", {}, self.session)

    def _listen(self):
        rest = b""
        while piece := os.read(self.hear, 1 << 16):
            *whole, rest = (rest + piece).split(b"\0")
            for message in map(json.loads, whole):
                if "id" in message:
                    self.answers.put(message)
                elif message["method"] == "Log.entryAdded":
                    # What is merely told (that we took the focus before the page did) is none.
                    entry = message["params"]["entry"]
                    if entry["level"] in ("warning", "error"):
                        self.complaints.append(f"{entry['level']}: {entry['text']}")

    def call(self, method, params, session=None):
        """A command of the protocol, and what came of it."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.tell, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.answers.get(timeout=PATIENCE_S)
            if answer["id"] == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def ask(self, expression):
        """What an expression is in the page, as somebody at the browser could see it."""
        result = self.call("Runtime.evaluate",
                           {"expression": expression, "returnByValue": True}, self.session)
        return result["result"].get("value")

    def opens(self, address):
        self.call("Page.navigate", {"url": address}, self.session)

    def sees(self, what):
        """Waits until the page has something."""
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            try:
                if self.ask(f"document.readyState == 'complete' && !!({what})"):
                    return
            except AssertionError:
                pass  # The page is just being left.
            time.sleep(0.05)
        raise AssertionError(f"no {what} at {self.ask('location.href')}: "
                             f"{self.ask('document.body.innerText')} {self.complaints}")

    def types(self, selector, text):
        """Puts the cursor into a field and types."""
        self.ask(f"document.querySelector('{selector}').focus()")
        self.call("Input.insertText", {"text": text}, self.session)

    def presses(self, selector):
        self.ask(f"document.querySelector('{selector}').click()")

    def ends(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_S)


class Program(http.server.BaseHTTPRequestHandler):
    """A program that people are sent back to, and what it was sent."""

    sent = queue.Queue()
    page = ""

    def do_GET(self):
        self._take("GET", urllib.parse.urlsplit(self.path).query)

    def do_POST(self):
        length = int(self.headers["content-length"])
        self._take("POST", self.rfile.read(length).decode())

    def _take(self, method, fields):
        if self.path.startswith("/done"):
            Program.sent.put((method, dict(urllib.parse.parse_qsl(fields))))
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        back = "<!doctype html><p id=back>You are back.</p>"
        self.wfile.write((Program.page if self.path.startswith("/page") else back).encode())

    def log_message(self, *_):
        pass


def sends(url, fields, headers=None, form=False):
    """POSTs, and what the answer says."""
    data = urllib.parse.urlencode(fields) if form else json.dumps(fields)
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    request = urllib.request.Request(url, data.encode(), {"content-type": kind, **(headers or {})})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read() or b"null")


def log_in(browser, url, asked, answer):
    """From the program to the pages, through them, and back; what the program was sent."""
    query = urllib.parse.urlencode(asked)
    browser.opens(f"{url}/compat/tapkey/connect/authorize?{query}")
    browser.sees("document.querySelector('#password')")
    browser.types("#login", EMAIL)
    browser.types("#password", "wrong")
    browser.presses("button")
    browser.sees("document.querySelector('[role=alert]')")
    browser.types("#login", EMAIL)
    browser.types("#password", PASSWORD)
    browser.presses("button")
    browser.sees(f"document.querySelector('button[value={answer}]')")
    browser.presses(f"button[value={answer}]")
    browser.sees("document.querySelector('#back')")
    return Program.sent.get(timeout=PATIENCE_S)


def listens():
    """A program's own server, at a port of its own."""
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Program)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener


def visits(browser, claviger, folder, url):
    made = json.loads(run(claviger, folder, "setup", "--organization", "Org", "--place", "House",
                          "--json"))
    sends(f"{url}/api/v1/account/invitation",
          {"setup_code": made["admin"]["setup_code"], "password": PASSWORD})
    listener, place = listens(), made["place"]["id"]
    back = f"http://127.0.0.1:{listener.server_port}/done?from=claviger"
    made = json.loads(run(claviger, folder, "compat", "--vendor", "tapkey", "--json", "--place",
                          place, "--redirect-uri", back, "--no-role"))
    program = made["credentials"]
    basic = base64.b64encode(f"{program['client_id']}:{program['client_secret']}".encode()).decode()
    for mode, method in [("query", "GET"), ("form_post", "POST")]:
        asked = {"client_id": program["client_id"], "redirect_uri": back, "response_type": "code",
                 "response_mode": mode, "scope": "read:owneraccounts", "state": "a b&c"}
        by, sent = log_in(browser, url, asked, "yes")
        assert by == method and sent["state"] == "a b&c", (by, sent)
        assert sent["scope"] == "read:owneraccounts", sent
        tokens = sends(f"{url}/compat/tapkey/connect/token",
                       {"grant_type": "authorization_code", "code": sent["code"],
                        "redirect_uri": back}, {"authorization": f"Basic {basic}"}, form=True)
        request = urllib.request.Request(
            f"{url}/compat/tapkey/api/v1/owners",
            headers={"authorization": f"Bearer {tokens['access_token']}"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            assert [it["name"] for it in json.loads(answer.read())] == ["House"]
        by, sent = log_in(browser, url, asked, "no")
        assert (by, sent["error"]) == (method, "access_denied") and "code" not in sent, (by, sent)
        print(f"{mode}: a code that a token was had for, and access_denied, by {method}")
    # A wrong password is a status, which the browser tells of; nothing else is to be complained of.
    others = [it for it in browser.complaints if "status of 4" not in it and "favicon" not in it]
    assert not others, others
    by_page(browser, claviger, folder, url, place)


def told(browser):
    """What a page tells of its calls."""
    browser.sees("document.querySelector('#told')?.textContent")
    return json.loads(browser.ask("document.querySelector('#told').textContent"))


def by_page(browser, claviger, folder, url, place):
    """A program that is a page of another origin; and the same page where nobody has registered."""
    listeners = [listens(), listens()]
    at, elsewhere = [f"http://127.0.0.1:{it.server_port}/page" for it in listeners]
    made = json.loads(run(claviger, folder, "compat", "--vendor", "tapkey", "--json", "--place",
                          place, "--redirect-uri", at, "--public"))
    server = f"{url}/compat/tapkey"
    client = made["credentials"]["client_id"]
    Program.page = PAGE.replace("SERVER", server).replace("CLIENT", client)
    browser.opens(at)
    browser.sees("document.querySelector('#password')")
    browser.types("#login", EMAIL)
    browser.types("#password", PASSWORD)
    browser.presses("button")
    browser.sees("document.querySelector('button[value=yes]')")
    browser.presses("button[value=yes]")
    said = told(browser)
    assert said == {"given": 200, "owner": "House", "made": 200, "contacts": [2, 2], "log": 200,
                    "wrong": [400, "InvalidRequest"], "again": "ann@example.org",
                    "unknown": 401}, said
    print("a page of another origin: discovery, a code with its proof, calls, a refresh")
    # What it is refused it is refused by the browser, which says no more to it.
    browser.opens(elsewhere)
    assert told(browser) == {"failed": "Failed to fetch"}
    told_why = [it for it in browser.complaints if "Access-Control-Allow-Origin" in it]
    assert told_why, browser.complaints
    print("a page that no program is at: nothing")


def run(claviger, folder, *arguments):
    done = subprocess.run([claviger, *arguments, "--data", f"{folder}/data"], capture_output=True,
                          text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def main():
    path = browser_path()
    if not path:
        sys.exit("scripts/browser.py: there is no Chromium: apt-get install chromium, or CHROMIUM=…")
    claviger = server_path()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = subprocess.Popen(
            [claviger, "serve", "--data", f"{folder}/data", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        browser = None
        try:
            ready = server.stdout.readline()
            assert ready.startswith("claviger ready "), ready
            browser = Chromium(path, folder)
            visits(browser, claviger, folder, ready.split()[-1].strip())
        finally:
            if browser:
                browser.ends()
            server.terminate()
            server.wait(timeout=PATIENCE_S)


main()
