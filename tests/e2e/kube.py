"""A cluster of Kubernetes as far as Helm needs one, and a repository of charts: kube.py PORT CHARTS READY.

The cluster keeps config maps and secrets, and runs nothing. Helm writes its own secrets in the binary form; they are
kept as they come, and only names and labels are read. Below CHARTS are files; those below CHARTS/closed are given to
the account "fleet" with the password "repo-secret" only. READY is made when questions are answered.
"""

import base64
import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

KEPT = {}
RESOURCES = [
    {"name": "configmaps", "singularName": "", "namespaced": True, "kind": "ConfigMap", "verbs": ["get", "create"]}
]
ACCOUNT = "Basic " + base64.b64encode(b"fleet:repo-secret").decode()
PORT, CHARTS, READY = sys.argv[1:]

BINARY = b"k8s\0"

def fields(data):
    """Numbers and bytes of the fields of a message that have a length; others are passed over."""
    at = 0
    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = number()
        if key & 7 == 2:
            size = number()
            yield key >> 3, data[at:at + size]
            at += size
        else:
            number()

def message(*parts):
    out = b""
    for key, data in parts:
        size, length = b"", len(data)
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        out += bytes([key << 3 | 2]) + size + bytes([length]) + data
    return out

def envelope(kind, raw):
    return BINARY + message((1, message((1, b"v1"), (2, kind.encode()))), (2, raw))

def read(body):
    """The object of a request: its name, its labels, and itself."""
    if not body.startswith(BINARY):
        value = json.loads(body or b"{}")
        meta = value.get("metadata", {})
        return meta.get("name"), meta.get("labels", {}), value
    raw = dict(fields(body[4:]))[2]
    meta = list(fields(dict(fields(raw))[1]))
    labels = dict((dict(fields(label))[1].decode(), dict(fields(label))[2].decode()) for key, label in meta if key == 11)
    return dict(meta)[1].decode(), labels, raw

def merged(old, new):
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    both = {key: merged(old.get(key), value) for key, value in new.items() if value is not None}
    return {**{key: value for key, value in old.items() if key not in new}, **both}

class Api(BaseHTTPRequestHandler):
    def answer(self, status, value):
        binary = isinstance(value, bytes)
        body = value if binary else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.kubernetes.protobuf" if binary else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, code, reason):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})

    def show(self, status, item):
        self.answer(status, envelope("Secret", item) if isinstance(item, bytes) else item)

    def asked(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        return path, query, *read(body)

    def file(self, path):
        if path.startswith("/closed/") and self.headers.get("Authorization") != ACCOUNT:
            return self.refuse(401, "Unauthorized")
        with open(CHARTS + path, "rb") as file:
            self.answer(200, file.read())

    def do_GET(self):
        path, query, *_ = self.asked()
        if os.path.isfile(CHARTS + path):
            return self.file(path)
        fixed = {
            "/version": {"major": "1", "minor": "31", "gitVersion": "v1.31.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": RESOURCES},
        }
        if path in fixed:
            return self.answer(200, fixed[path])
        if path in KEPT:
            return self.show(200, KEPT[path][1])
        if not path.endswith("/secrets"):
            return self.refuse(404, "NotFound")
        selector = parse_qs(query).get("labelSelector", [""])[0]
        wanted = [label.split("=") for label in selector.split(",") if label]
        where = re.compile(path.replace("/v1/secrets", "/v1/namespaces/[^/]+/secrets") + "/[^/]+$")
        items = [item for at, (labels, item) in sorted(KEPT.items())
                 if where.match(at) and all(labels.get(key) == value for key, value in wanted)]
        self.answer(200, envelope("SecretList", message((1, b""), *((2, item) for item in items))))

    def do_POST(self):
        path, _, name, labels, item = self.asked()
        at = path + "/" + name
        if at in KEPT:
            return self.refuse(409, "AlreadyExists")
        KEPT[at] = labels, item
        self.show(201, item)

    def do_PUT(self):
        path, _, _, labels, item = self.asked()
        KEPT[path] = labels, item
        self.show(200, item)

    def do_PATCH(self):
        path, _, _, _, item = self.asked()
        if path not in KEPT:
            return self.refuse(404, "NotFound")
        KEPT[path] = {}, merged(KEPT[path][1], item)
        self.show(200, KEPT[path][1])

    def do_DELETE(self):
        path = self.path.partition("?")[0]
        gone = KEPT.pop(path, None)
        if gone is None:
            return self.refuse(404, "NotFound")
        self.show(200, gone[1])

    def log_message(self, *_):
        pass

SERVER = ThreadingHTTPServer(("127.0.0.1", int(PORT)), Api)
open(READY, "w").close()
SERVER.serve_forever()
