"""Trust: how each kind of client is told to believe this installation's own certificate authority."""

from pathlib import Path

_TEXT = """\
Clients must trust this installation's own certificate authority once:

  file         {file}
  SHA-256      {fingerprint}
  good for     {url}

Copy the file to the client over a way you trust and compare the fingerprint. It can only speak for local names,
private networks and the names of this installation, and it holds no secret.

One program
  curl         curl --cacert {file} {url}/healthz
  Python       export SSL_CERT_FILE={file}            (httpx, urllib, the standard library)
               export REQUESTS_CA_BUNDLE={file}       (requests, and the PagerDuty clients built on it)
  Node.js      export NODE_EXTRA_CA_CERTS={file}
  Go           export SSL_CERT_FILE={file}
  Terraform, Alertmanager and other Go programs: as Go, or the next part
  wget         wget --ca-certificate={file} {url}/healthz
  git          git config --global http.{url}.sslCAInfo {file}

SSL_CERT_FILE and REQUESTS_CA_BUNDLE replace what a program trusts otherwise. When it calls others too, trust the
authority on the whole machine instead.

The whole machine
  Debian, Ubuntu   cp {file} /usr/local/share/ca-certificates/tocsin.crt && update-ca-certificates
  Fedora, RHEL     cp {file} /etc/pki/ca-trust/source/anchors/tocsin.crt && update-ca-trust
  Alpine           cp {file} /usr/local/share/ca-certificates/tocsin.crt && update-ca-certificates
  macOS            security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}
  Windows          certutil -addstore Root tocsin.crt
  Java             keytool -importcert -cacerts -alias tocsin -file {file}
  Python (requests) carries a list of its own: set REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt too

Browsers
  Chrome, Edge     trust the machine's authorities on Windows and macOS; on Linux: Settings, Privacy and security,
                   Security, Manage certificates, Authorities, Import
  Firefox          Settings, Privacy & Security, View Certificates, Authorities, Import, "identify websites"
  iPhone, iPad     open the file, install the profile, then Settings, General, About, Certificate Trust Settings
  Android          Settings, Security, Encryption & credentials, Install a certificate, CA certificate

A certificate of your own, or one that a proxy in front brings, needs none of this.
"""


def trust_text(authority: Path, fingerprint: str, url: str) -> str:
    """Return what `tocsin trust` prints: where the authority is, and what each client wants to hear."""
    return _TEXT.format(file=authority, fingerprint=fingerprint, url=url.rstrip("/"))
