"""A small application beside its gateway. Its work is to count: each number is an output that the world must see once,
also when a data centre dies in between. It works on a workload only while its gateway says so, posts its state when it
is asked to, says how far its outputs have got, and goes on where the dead one stopped. Python 3, nothing but the
standard library. CROSSDC_URL (and CROSSDC_TOKEN) name its own gateway."""

import hashlib
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

GATEWAY = os.environ.get("CROSSDC_URL", "http://127.0.0.1:25090")
TOKEN = os.environ.get("CROSSDC_TOKEN")
ORIGIN = "counter"
LOOK_SECONDS = 0.5
UNSURE_SECONDS = 2

# By workload: count, published, and the epoch for which it was taken. State of another epoch is never gone on with.
states = {}
# By workload: the epoch, and when it was confirmed. What is ours to do now.
working = {}
home = None
# One thing at a time: a workload must not be started and stopped at once. Within it, the beat of the work itself.
turn = threading.Lock()
beat = threading.Lock()


def call(path, method="GET", body=None, headers=None, timeout=10):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(GATEWAY + path, data=data, method=method, headers=headers or {})
    if data is not None:
        request.add_header("Content-Type", "application/json")
    if TOKEN:
        request.add_header("Authorization", "Bearer " + TOKEN)
    return urllib.request.urlopen(request, timeout=timeout)  # Raises HTTPError for a status of 400 and above.


def say(text):
    print(text, flush=True)


def complain(error):
    print("%r; going on" % error, file=sys.stderr, flush=True)


# 1. Restore: of the newest version that can be used. Only where there never was one it begins at 0.
def restore(workload, epoch):
    view = json.load(call("/v1/restore?workload=" + workload))
    candidates = [one for row in view["origins"] if row["origin"] == ORIGIN for one in row["candidates"]]
    for candidate in candidates:
        try:
            return state_of(workload, epoch, json.loads(call(candidate["href"]).read()), view["watermarks"])
        except urllib.error.HTTPError as error:
            if error.code not in (404, 409):  # Gone or damaged: the version before. Whatever else it is may be over soon.
                raise
        except (ValueError, KeyError, TypeError):
            pass  # None of ours.
    if candidates:
        raise OSError("no version of %s of %s can be used" % (ORIGIN, workload))
    return state_of(workload, epoch, {"count": 0}, view["watermarks"])


# The state is as old as its snapshot, the watermark is not: what was published since is counted again, and not published.
def state_of(workload, epoch, theirs, watermarks):
    count = theirs["count"]
    if not isinstance(count, int):
        raise ValueError("this is no state of ours")
    published = watermarks.get(workload + ".published", {}).get("seq", 0)
    return {"count": count, "published": max(count, published), "epoch": epoch}


# 2. Put: the state, when it is asked for, and the last one before the work is given away.
def post(workload):
    count = states[workload]["count"]
    path = "/v1/snapshots/%s?workload=%s" % (ORIGIN, workload)
    try:
        call(path, "PUT", {"count": count}, {"Crossdc-Position": "count=%d" % count}).read()
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise
        stop(workload)  # The work is somebody else's since we looked.


# 3. Watermark: how far the outputs have got, with every heartbeat.
def work():
    while True:
        time.sleep(0.1)
        for workload in list(working):
            try:
                if count_on(workload):
                    mark(workload)
            except Exception as error:  # It is said again with the next.
                complain(error)


def count_on(workload):
    with beat:
        epoch, confirmed_at = working.get(workload, (None, 0))
        # Nobody has confirmed it for a while: by now it may be somebody else's.
        if epoch is None or time.monotonic() - confirmed_at > UNSURE_SECONDS:
            return False
        state = states[workload]
        state["count"] += 1
        if state["count"] <= state["published"]:
            return False
        publish(workload, epoch, state["count"])
        state["published"] = state["count"]
        return True


def mark(workload):
    call("/v1/watermarks/%s.published" % workload, "PUT", {"seq": states[workload]["published"]}).read()


# Whatever takes the output gets the epoch with it, and refuses one that is lower than the highest it has seen.
def publish(workload, epoch, output):
    say("%s epoch=%d output=%d" % (workload, epoch, output))


# 4. Ack: what a delivery brought is absorbed. It is set, not added: a delivery that comes twice changes nothing.
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
            answer(snapshot, "reject", {"reason": repr(error)})
            continue
        # First our own word says how far the work has got: should we die now, restore has it.
        if delivery["reason"] != "manual":
            mark(delivery["workload"])
        answer(snapshot, "ack")


def answer(snapshot, word, body=None):
    # The href may have a query; the last step of the path comes before it.
    path, mark, query = snapshot["href"].partition("?")
    call(path + "/" + word + mark + query, "POST", body).read()


def absorb(delivery, snapshot, theirs):
    reason, workload, epoch = delivery["reason"], delivery["workload"], delivery["epoch"]
    state = state_of(workload, epoch, theirs, delivery["watermarks"])
    with beat:
        known = states.get(workload)
        # One by hand is only looked at; and what we have gone on with is newer than what it was made from.
        is_newer = known is None or known["epoch"] != epoch or known["count"] < state["count"]
        if reason != "manual" and is_newer:
            states[workload] = state
    told = (reason, snapshot["origin"], delivery["dataCenter"], state["count"], snapshot["position"])
    say("%s of %s from %s: %d at %s" % told)


# Whether the work is ours is asked again and again: that needs no event, and outlives whatever happens to the stream.
def look():
    global home
    rows = json.load(call("/v1/ownership"))
    home = rows[0]["workload"]
    for row in rows:
        workload, asked_at = row["workload"], time.monotonic()
        is_ours, epoch = primary(workload)
        if is_ours:
            start(workload, epoch, asked_at)
        else:
            stop(workload)


def primary(workload):
    try:
        return True, int(call("/primary?workload=" + workload, timeout=1).headers["Crossdc-Epoch"])
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return False, int(error.headers.get("Crossdc-Epoch", 0))


def start(workload, epoch, confirmed_at):
    is_news = working.get(workload, (None, 0))[0] != epoch
    if is_news and states.get(workload, {}).get("epoch") != epoch:
        states[workload] = restore(workload, epoch)
    count = states[workload]["count"]
    with beat:
        working[workload] = (epoch, confirmed_at)
    if is_news:
        say("working on %s epoch=%d from count=%d" % (workload, epoch, count))
        post(workload)


def stop(workload):
    with beat:
        was_ours = working.pop(workload, None) is not None
    if was_ours:
        say("stopped " + workload)


# /primary was 503 before this was said, so we may have stopped by ourselves: the last state goes with the work all the same.
def release(workload):
    stop(workload)
    if states.get(workload, {}).get("epoch") == primary(workload)[1]:
        post(workload)
    try:
        call("/v1/ownership/%s/released" % workload, "POST").read()
    except urllib.error.HTTPError as error:
        complain(error)  # 409: its time was over, or it was called off.


def handle(event):
    kind, workload = event["type"], event.get("workload", home)
    if kind == "snapshot-request" and workload in working:
        post(workload)
    elif kind == "delivery" and event["delivery"]["state"] == "open":
        take(event["delivery"])
    elif kind == "owner-releasing":
        release(workload)
    elif kind == "superseded":
        stop(workload)
    elif kind == "takeover-completed":
        look()


resume_from = {}


def follow():
    # The stream has a comment line every 15 s; a minute without any means that it is dead.
    event = {}
    for row in call("/v1/events", headers={"Accept": "text/event-stream", **resume_from}, timeout=60):
        name, _, value = row.decode().rstrip("\n").partition(": ")
        if name:
            event[name] = value
            continue
        # Should it fail, the next connection goes on behind it; deliveries that are open are announced on each.
        if "id" in event:
            resume_from["Last-Event-ID"] = event["id"]
        if "data" in event:
            with turn:
                handle(json.loads(event["data"]))
        event = {}


def look_in_turn():
    with turn:
        look()


def forever(task, pause):
    while True:
        try:
            task()
        except Exception as error:  # Whatever it was: the next turn asks anew.
            complain(error)
        time.sleep(pause)


threading.Thread(target=work, daemon=True).start()
threading.Thread(target=forever, args=(look_in_turn, LOOK_SECONDS), daemon=True).start()
forever(follow, 1)
