"""A small application beside its gateway: it counts, posts its count when it is asked for, and takes over the count of
a data centre that died. Python 3, nothing but the standard library. CROSSDC_URL (and CROSSDC_TOKEN) name its gateway."""

import hashlib
import json
import os
import threading
import time
import urllib.request

GATEWAY = os.environ.get("CROSSDC_URL", "http://127.0.0.1:25090")
TOKEN = os.environ.get("CROSSDC_TOKEN")
ORIGIN = "counter"
# What was taken over is kept by data centre and set, not added: a delivery that comes twice changes nothing.
state = {"count": 0, "takenOver": {}}


def call(path, method="GET", body=None, headers=None, timeout=30):
    request = urllib.request.Request(GATEWAY + path, data=body, method=method, headers=headers or {})
    if TOKEN:
        request.add_header("Authorization", "Bearer " + TOKEN)
    return urllib.request.urlopen(request, timeout=timeout)  # Raises HTTPError for a status of 400 and above.


def post():
    headers = {"Crossdc-Position": "count=%d" % state["count"], "Content-Type": "application/json"}
    call("/v1/snapshots/" + ORIGIN, "PUT", json.dumps(state).encode(), headers).read()


def answer(snapshot, word, body=b""):
    # The href may have a query; the last step of the path comes before it.
    path, mark, query = snapshot["href"].partition("?")
    call(path + "/" + word + mark + query, "POST", body, {"Content-Type": "application/json"}).read()


def take(delivery):
    for snapshot in delivery["snapshots"]:
        if snapshot["state"] != "pending":
            continue
        data = call(snapshot["href"]).read()
        if hashlib.sha256(data).hexdigest() != snapshot["sha256"]:
            raise OSError("another version is offered")
        try:
            absorb(delivery, snapshot, json.loads(data))
        except (ValueError, KeyError, TypeError) as error:
            answer(snapshot, "reject", json.dumps({"reason": repr(error)}).encode())
            continue
        post()  # First our own state is safe, then the delivery is answered: a crash between only repeats it.
        answer(snapshot, "ack")


def absorb(delivery, snapshot, theirs):
    reason, data_center, count = delivery["reason"], delivery["dataCenter"], int(theirs["count"])
    if reason == "return":
        state["count"] = max(state["count"], count)
    else:
        state["takenOver"][data_center] = count
    print("%s of %s from %s: %d at %s" % (reason, snapshot["origin"], data_center, count, snapshot["position"]), flush=True)


def follow():
    # The stream has a comment line every 15 s; a minute without any means that it is dead.
    event = {}
    for row in call("/v1/events", headers={"Accept": "text/event-stream"}, timeout=60):
        name, _, value = row.decode().rstrip("\n").partition(": ")
        if name:
            event[name] = value
            continue
        if event.get("event") == "snapshot-request":
            post()
        elif event.get("event") == "delivery":
            take(json.loads(event["data"])["delivery"])
        event = {}


def count():
    while True:
        state["count"] += 1
        time.sleep(0.1)


threading.Thread(target=count, daemon=True).start()
while True:
    try:
        post()
        follow()
    except OSError as error:
        print("%s; trying again" % error, flush=True)
    time.sleep(1)
