"""A small clinical system behind the gateway. It serves only requests whose claims the gateway has signed."""
import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import quoteattr

# A line end after the secret does not count.
with open(os.environ["CLAIMS_SECRET_FILE"], "rb") as file:
    SECRET = file.read().removesuffix(b"\n").removesuffix(b"\r")


def verified_claims(request):
    """The claims of a request, or None if the gateway has not signed them for this very request."""
    headers = request.headers.get_all("GP-Connect-Claims", [])
    if len(headers) != 1 or headers[0].count(".") != 2:
        return None
    signed, _, signature = headers[0].rpartition(".")
    expected = hmac.new(SECRET, signed.encode(), hashlib.sha256).digest()
    try:
        head, payload = (json.loads(decode(part)) for part in signed.split("."))
        is_signed = hmac.compare_digest(decode(signature), expected)
    except ValueError:
        return None
    # The algorithm is fixed here: the token must not choose it.
    if not is_signed or head.get("alg") != "HS256" or time.time() >= payload["exp"]:
        return None
    return payload if (payload["method"], payload["target"]) == (request.command, request.path) else None


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


PATIENT = {"resourceType": "Patient", "id": "1", "active": True, "birthDate": "1952-05-31"}


class System(BaseHTTPRequestHandler):
    # Of an answer in HTTP/1.0 nobody can tell whether it is whole.
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        claims = verified_claims(self)
        if claims is None:
            return self.fail(403, "ACCESS_DENIED", "forbidden", "json")
        if claims["interaction"].endswith("read:patient-1") and claims["id"] == "1":
            return self.answer(200, PATIENT, claims["format"])
        if claims["interaction"].endswith("operation:gpc.getstructuredrecord-1"):
            return self.answer(200, {"resourceType": "Bundle", "type": "collection"}, claims["format"])
        self.fail(404, "NO_RECORD_FOUND", "not-found", claims["format"])

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def fail(self, status, code, issue, form):
        system = "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1"
        details = {"coding": [{"system": system, "code": code}]}
        issues = [{"severity": "error", "code": issue, "details": details}]
        self.answer(status, {"resourceType": "OperationOutcome", "issue": issues}, form)

    def answer(self, status, resource, form):
        content = (xml_of(resource) if form == "xml" else json.dumps(resource)).encode()
        self.send_response(status)
        self.send_header("Content-Type", f"application/fhir+{form}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """The path and the query may name a patient, so no request is logged."""


def xml_of(resource):
    kind = resource["resourceType"]
    elements = "".join(element(name, value) for name, value in resource.items() if name != "resourceType")
    return f'<{kind} xmlns="http://hl7.org/fhir">{elements}</{kind}>'


def element(name, value):
    if isinstance(value, list):
        return "".join(element(name, one) for one in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(element(*item) for item in value.items())}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name} value={quoteattr(text)}/>"


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), System)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
