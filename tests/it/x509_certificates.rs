//! Certificates, requests and lists of revoked ones: made, kept, made anew, refused; the real program checks each.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fleet_common::call::Arguments;
use fleet_common::value::Value;
use fleet_minion::cx::Act;
use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::states::{minion_with, run, shell};

struct Place {
    _scratch: tempfile::TempDir,
    root: PathBuf,
    act: Act,
}

/// A directory with a CA of RSA, its policy, and a key of an elliptic curve.
fn place(test: &str) -> Option<Place> {
    if which("openssl", None).is_none() {
        skip(test, "there is no program 'openssl'");
        return None;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap();
    shell(&root, "mkdir -p R/srv R/cache R/issued");
    let policy = "{www: [{minions: '*'}, {signing_private_key: R/ca.key}, {signing_cert: R/ca.crt}, {O: Shop}, \
                  {keyUsage: 'critical keyEncipherment'}, {days_valid: 30}, {copypath: R/issued}]}";
    let policy =
        fleet_common::yaml::load(&policy.replace("R/", &format!("{}/", root.display())), "policy").unwrap().value;
    let act = minion_with(&root, &[("x509_signing_policies", policy)]);
    let place = Place { _scratch: scratch, root, act };
    let new =
        |name: &str, algo: &str| place.call("x509.create_private_key", &[("algo", algo), ("path", &place.path(name))]);
    new("ca.key", "rsa");
    new("web.key", "ec");
    let ca = "signing_private_key: R/ca.key, CN: ca.example, basicConstraints: 'critical, CA:TRUE', \
              keyUsage: 'critical, cRLSign, keyCertSign', subjectKeyIdentifier: hash, \
              authorityKeyIdentifier: 'keyid:always,issuer', days_valid: 3650, days_remaining: 0";
    place.changed("certificate_managed", "ca.crt", ca);
    Some(place)
}

impl Place {
    fn path(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    fn call(&self, function: &str, arguments: &[(&str, &str)]) -> Value {
        let with = |all: Arguments, (key, value): &(&str, &str)| all.with(key, *value);
        match self.act.run(function, arguments.iter().fold(Arguments::default(), with)) {
            Ok(outcome) => outcome.value,
            Err(error) => Value::from(error.to_string()),
        }
    }

    fn state(&self, state: &str, name: &str, arguments: &str, dry: bool) -> Value {
        let text = format!("x:\n  x509.{state}: [{{name: R/{name}, {arguments}}}]\n");
        std::fs::write(self.root.join("srv/case.sls"), text.replace("R/", &self.path(""))).unwrap();
        run(&self.act, dry)
    }

    /// What is predicted happens; then nothing is left to do, and the file stays. Gives the changes.
    fn changed(&self, state: &str, name: &str, arguments: &str) -> Value {
        let predicted = self.state(state, name, arguments, true);
        let done = self.state(state, name, arguments, false);
        assert_eq!(predicted.get("result"), Some(&Value::Null), "{arguments}: {predicted:?}");
        assert_eq!(done.get("result"), Some(&Value::from(true)), "{arguments}: {done:?}");
        assert_eq!(predicted.get("changes"), done.get("changes"));
        let made = std::fs::read(self.root.join(name)).unwrap();
        let again = self.state(state, name, arguments, false);
        assert!(again.get("changes").unwrap().as_map().unwrap().is_empty(), "{arguments}: {again:?}");
        assert!(comment(&again).ends_with("is in the correct state"), "{again:?}");
        assert_eq!(std::fs::read(self.root.join(name)).unwrap(), made, "{arguments}: written again");
        done.get("changes").cloned().unwrap()
    }

    fn fails(&self, state: &str, name: &str, arguments: &str, why: &str) {
        for dry in [true, false] {
            let done = self.state(state, name, arguments, dry);
            assert_eq!(done.get("result"), Some(&Value::from(false)), "{arguments}: {done:?}");
            assert!(comment(&done).contains(why), "{arguments}: {done:?}");
        }
        assert!(!self.root.join(name).exists(), "{arguments}: something was written");
    }

    /// What the real program says; it must be content.
    fn openssl(&self, line: &str) -> String {
        let output =
            Command::new("sh").args(["-ec", &format!("{{ openssl {line}; }} 2>&1")]).current_dir(&self.root).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "openssl {line}: {said}");
        said
    }
}

fn comment(value: &Value) -> &str {
    value.get("comment").and_then(Value::as_str).unwrap_or_default()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_map().unwrap().iter().filter_map(|(key, _)| key.as_str()).collect()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

const WEB: &str =
    "private_key: R/web.key, signing_private_key: R/ca.key, signing_cert: R/ca.crt, days_valid: 30, days_remaining: 5";

#[test]
fn certificates_are_made_anew_when_something_else_is_asked_for() {
    let Some(place) = place("certificates_are_made_anew_when_something_else_is_asked_for") else { return };
    let with = |more: &str| format!("{WEB}, {more}");
    let said = "CN: web.example, subjectAltName: 'DNS:web.example,IP:192.0.2.1', extendedKeyUsage: serverAuth";
    assert_eq!(keys(&place.changed("certificate_managed", "web.crt", &with(said))), ["created"]);
    assert!(place.openssl("verify -CAfile ca.crt web.crt").contains("OK"));
    let text = place.openssl("x509 -in web.crt -noout -text");
    for part in
        ["CN = web.example", "DNS:web.example, IP Address:192.0.2.1", "TLS Web Server", "sha256WithRSAEncryption"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    place.openssl("verify -CAfile ca.crt -verify_hostname web.example web.crt");
    // Each difference is told by its name.
    let more = format!("{said}, O: Shop");
    for (arguments, changes) in [
        (with(&more), vec!["subject_name"]),
        (with(&format!("{more}, digest: sha384")), vec!["digest"]),
        (with(&format!("{more}, digest: sha384, keyUsage: digitalSignature")), vec!["extensions"]),
        (with(&format!("{more}, digest: sha384")).replace("valid: 30", "valid: 60"), vec!["extensions"]),
        (with(&format!("{more}, digest: sha384, serial_number: 'AA:BB'")), vec!["serial_number"]),
        (with(&format!("{more}, digest: sha384, append_certs: [R/ca.crt]")), vec!["additional_certs"]),
        (with(&format!("{more}, digest: sha384, encoding: der")), vec!["encoding", "additional_certs"]),
    ] {
        assert_eq!(keys(&place.changed("certificate_managed", "web.crt", &arguments)), changes, "{arguments}");
    }
    // Another key, another issuer, an end that is near.
    place.call("x509.create_private_key", &[("algo", "ed25519"), ("path", &place.path("own.key"))]);
    let own = "signing_private_key: R/own.key, CN: own.example, days_valid: 30, days_remaining: 5";
    let changes = place.changed("certificate_managed", "web.crt", own);
    let expected = ["encoding", "private_key", "subject_name", "issuer_name", "signing_private_key", "extensions"];
    assert_eq!(keys(&changes), expected);
    assert_eq!(changes.get("issuer_name"), Some(&"CN=own.example".into()));
    place.openssl("verify -CAfile web.crt web.crt");
    let short = own.replace("remaining: 5", "remaining: 31");
    let due = place.state("certificate_managed", "web.crt", &short, true);
    assert_eq!(keys(due.get("changes").unwrap()), ["expiration"]);
    // 0 leaves it to end, though it has ended long ago.
    let past = "signing_private_key: R/own.key, CN: o, not_before: '2020-01-01 00:00:00', not_after: '2021-01-01 00:00:00', days_remaining: 0";
    place.changed("certificate_managed", "past.crt", past);
    assert_eq!(place.call("x509.expires", &[("certificate", &place.path("past.crt"))]), Value::from(true));
}

#[test]
fn every_kind_of_key_signs() {
    let Some(place) = place("every_kind_of_key_signs") else { return };
    for (algo, size, digest) in [
        ("rsa", "3072", "sha512"),
        ("ec", "256", "sha224"),
        ("ec", "384", "sha384"),
        ("ec", "521", "sha512"),
        ("ed25519", "", "sha256"),
        ("ed448", "", "sha256"),
    ] {
        let path = place.path("k.key");
        let mut new = vec![("algo", algo), ("passphrase", "well kept"), ("path", &path)];
        if !size.is_empty() {
            new.push(("keysize", size));
        }
        place.call("x509.create_private_key", &new);
        let signed = [
            ("signing_private_key", path.as_str()),
            ("signing_private_key_passphrase", "well kept"),
            ("CN", "k.example"),
            ("basicConstraints", "critical, CA:TRUE"),
            ("digest", digest),
            ("path", &place.path("k.crt")),
        ];
        let said = place.call("x509.create_certificate", &signed);
        assert!(said.as_str().unwrap().starts_with("PEM written"), "{algo}: {said:?}");
        place.openssl("verify -CAfile k.crt k.crt");
        let certificate = place.path("k.crt");
        let own = |other: &str| {
            place.call("x509.verify_signature", &[("certificate", &certificate), ("signing_pub_key", other)])
        };
        assert_eq!((own(&certificate), own(&place.path("ca.crt"))), (true.into(), false.into()), "{algo}");
        let told = place.call("x509.read_certificate", &[("certificate", &certificate)]);
        assert_eq!(told.get("key_type"), Some(&algo.into()));
        assert_eq!(told.get("key_size"), Some(&size.parse().map_or(Value::Null, |size: i64| size.into())));
        let wrong = [("signing_private_key", path.as_str()), ("signing_private_key_passphrase", "other"), ("CN", "k")];
        let said = place.call("x509.create_certificate", &wrong);
        assert!(said.as_str().unwrap().starts_with("openssl: "), "{said:?}");
    }
}

#[test]
fn requests_are_checked_and_signed() {
    let Some(place) = place("requests_are_checked_and_signed") else { return };
    let asked =
        "private_key: R/web.key, CN: csr.example, subjectAltName: [DNS:csr.example], keyUsage: digitalSignature";
    assert_eq!(keys(&place.changed("csr_managed", "web.csr", asked)), ["created"]);
    assert!(place.openssl("req -in web.csr -noout -verify").contains("OK"));
    let text = place.openssl("req -in web.csr -noout -text");
    assert!(text.contains("DNS:csr.example") && text.contains("Digital Signature"), "{text}");
    let other =
        asked.replace("CN: csr", "O: Shop, CN: csr").replace(", keyUsage: digitalSignature", ", digest: sha512");
    assert_eq!(keys(&place.changed("csr_managed", "web.csr", &other)), ["digest", "subject_name", "extensions"]);
    assert_eq!(keys(&place.changed("csr_managed", "web.csr", &format!("{other}, encoding: der"))), ["encoding"]);
    place.openssl("req -inform der -in web.csr -noout -verify");
    // A certificate of it has its key and its extensions; what the declaration says goes before.
    let of_request =
        "csr: R/web.csr, CN: given.example, signing_private_key: R/ca.key, signing_cert: R/ca.crt, days_remaining: 1";
    place.changed("certificate_managed", "csr.crt", of_request);
    let told = place.call("x509.read_certificate", &[("certificate", &place.path("csr.crt"))]);
    assert_eq!(told.get("subject_str"), Some(&"CN=given.example".into()));
    assert_eq!(keys(told.get("extensions").unwrap()), ["subjectAltName"]);
    place.openssl("verify -CAfile ca.crt csr.crt");
    // One whose words were changed after it was signed is not believed.
    let mut bytes = std::fs::read(place.root.join("web.csr")).unwrap();
    let at = bytes.windows(4).position(|part| part == b"Shop").unwrap();
    bytes[at] = b'C';
    std::fs::write(place.root.join("bad.csr"), bytes).unwrap();
    place.fails(
        "certificate_managed",
        "bad.crt",
        &of_request.replace("web.csr", "bad.csr"),
        "not signed by its own key",
    );
}

#[test]
fn lists_revoke_certificates() {
    let Some(place) = place("lists_revoke_certificates") else { return };
    place.changed("certificate_managed", "web.crt", &format!("{WEB}, CN: web.example"));
    let signed = "signing_private_key: R/ca.key, signing_cert: R/ca.crt, days_valid: 7, days_remaining: 3";
    let crl = |revoked: &str, more: &str| {
        place.changed("crl_managed", "ca.crl", &format!("{signed}, revoked: {revoked}{more}"))
    };
    assert_eq!(keys(&crl("[]", "")), ["created"]);
    place.openssl("verify -CAfile ca.crt -CRLfile ca.crl -crl_check web.crt");
    let web =
        "{certificate: R/web.crt, revocation_date: '2025-02-01 00:00:00', extensions: {CRLReason: keyCompromise}}";
    let other = "{serial_number: 'D6:D2:DC'}";
    let changes = crl(&format!("[{web}, {other}]"), "");
    let added = changes.get("revocations").and_then(|all| all.get("added")).and_then(Value::as_list).unwrap();
    assert_eq!((added.len(), &added[1]), (2, &"D6:D2:DC".into()));
    assert!(place.openssl("crl -in ca.crl -CAfile ca.crt -noout -text").contains("verify OK"));
    assert!(place.openssl("crl -in ca.crl -noout -text").contains("Key Compromise"));
    let checked = "verify -CAfile ca.crt -CRLfile ca.crl -crl_check web.crt || test $? = 2";
    assert!(place.openssl(checked).contains("certificate revoked"));
    // The number goes up with each new list, and alone is no reason for one.
    let numbered = ", extensions: {cRLNumber: auto, authorityKeyIdentifier: keyid}";
    assert_eq!(keys(&crl(&format!("[{web}]"), numbered)), ["revocations", "extensions"]);
    assert_eq!(keys(&crl(&format!("[{other}]"), numbered)), ["revocations"]);
    let told = place.call("x509.read_crl", &[("crl", &place.path("ca.crl"))]);
    assert_eq!(told.get("extensions").unwrap().get("cRLNumber").unwrap().get("value"), Some(&2.into()));
    assert_eq!(keys(told.get("revoked_certificates").unwrap()), ["D6D2DC"]);
    // What has ended needs no entry.
    crl("[{serial_number: 3, not_after: '2020-01-01 00:00:00'}]", numbered);
    assert!(place.openssl("crl -in ca.crl -noout -text").contains("No Revoked Certificates"));
    let of = |cert: &str| place.call("x509.verify_crl", &[("crl", &place.path("ca.crl")), ("cert", &place.path(cert))]);
    assert_eq!((of("ca.crt"), of("web.crt")), (true.into(), false.into()));
    place.fails("crl_managed", "no.crl", &format!("{signed}, revoked: [{{foo: 1}}]"), "has no 'foo'");
    let reason = "[{serial_number: 1, extensions: {CRLReason: boredom}}]";
    place.fails("crl_managed", "no.crl", &format!("{signed}, revoked: {reason}"), "'boredom' is not a valid");
}

#[test]
fn policies_encodings_and_refusals() {
    let Some(place) = place("policies_encodings_and_refusals") else { return };
    // What the policy says can't be said otherwise.
    let bound = "private_key: R/web.key, signing_policy: www, CN: p.example, O: Other, days_valid: 2000, days_remaining: 2, prepend_cn: true";
    place.changed("certificate_managed", "p.crt", bound);
    let told = place.call("x509.read_certificate", &[("certificate", &place.path("p.crt"))]);
    assert_eq!(told.get("subject_str"), Some(&"CN=p.example,O=Shop".into()));
    let copies: Vec<_> =
        std::fs::read_dir(place.root.join("issued")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(copies.len(), 1);
    assert!(copies[0].file_name().unwrap().to_str().unwrap().starts_with("p.example-"));
    assert_eq!(std::fs::read(&copies[0]).unwrap(), std::fs::read(place.root.join("p.crt")).unwrap());
    let policy = place.call("x509.get_signing_policy", &[("signing_policy", "www")]);
    assert_eq!(policy.get("O"), Some(&"Shop".into()));
    // Messages and containers; one with a key is its owner's alone.
    for (encoding, line) in [
        ("pkcs7_pem", "pkcs7 -in e -print_certs"),
        ("pkcs7_der", "pkcs7 -inform der -in e -print_certs"),
        ("pkcs12", "pkcs12 -in e -nodes -passin pass:kept"),
    ] {
        let asked =
            format!("{WEB}, CN: e.example, encoding: {encoding}, append_certs: [R/ca.crt], pkcs12_passphrase: kept");
        place.changed("certificate_managed", "e", &asked);
        assert_eq!(place.openssl(line).matches("BEGIN CERTIFICATE").count(), 2, "{encoding}");
        assert_eq!(mode(&place.root.join("e")) == 0o600, encoding == "pkcs12");
        std::fs::remove_file(place.root.join("e")).unwrap();
    }
    // A file of something else is not overwritten.
    let other = place.state("certificate_managed", "web.key", &format!("{WEB}, CN: a"), false);
    assert_eq!(comment(&other), "Could not load PEM-encoded certificate.");
    for (arguments, why) in [
        ("CN: x", "requires a signing private key"),
        ("CN: x, signing_private_key: R/none", "Could not load"),
        ("CN: x, signing_private_key: R/ca.key, signing_cert: R/ca.crt", "needs public_key, private_key or csr"),
        ("CN: x, signing_private_key: R/web.key, signing_cert: R/ca.crt, private_key: R/web.key", "does not match"),
        ("CN: x, signing_private_key: R/ca.key, private_key: R/web.key", "signs itself"),
        ("CN: x, signing_private_key: R/ca.key, signing_policy: none", "no signing policy 'none'"),
        ("CN: x, signing_private_key: R/ca.key, ca_server: ca", "'ca_server' of x509.certificate_managed"),
        (
            "CN: x, managed_private_key: {name: R/m}",
            "'managed_private_key' of x509.certificate_managed is not implemented",
        ),
        ("CN: x, signing_private_key: R/ca.key, digest: md4", "Invalid value 'md4' for digest"),
        ("CN: x, signing_private_key: R/ca.key, encoding: foo", "Invalid value 'foo' for encoding"),
        ("CN: x, signing_private_key: R/ca.key, days_valid: -1", "would end before it begins"),
        ("CN: x, signing_private_key: R/ca.key, not_before: soon", "'soon' is no time"),
        ("CN: x, signing_private_key: R/ca.key, serial_number: zz", "Could not parse serial number zz"),
        ("CN: x, signing_private_key: R/ca.key, copypath: R/nowhere", "is no directory"),
        ("CN: x, signing_private_key: R/ca.key, nosuch: 1", "no argument 'nosuch'"),
        ("C: USA, signing_private_key: R/ca.key", "2 character country code"),
    ] {
        place.fails("certificate_managed", "no.crt", arguments, why);
    }
}

#[test]
fn extensions_are_written_as_the_real_program_reads_them() {
    let Some(place) = place("extensions_are_written_as_the_real_program_reads_them") else { return };
    let said = "CN: x, authorityKeyIdentifier: 'keyid:always,issuer:always', issuerAltName: 'DNS:ca.example', \
        keyUsage: 'critical, digitalSignature, keyAgreement, encipherOnly', extendedKeyUsage: 'clientAuth, 1.2.3.4.5', \
        subjectAltName: 'email:me@x.example,URI:http://x.example/,IP:::1,RID:1.2.3,dirName:CN=foo', \
        authorityInfoAccess: 'OCSP;URI:http://ocsp/,caIssuers;URI:http://ca/ca.cer', \
        crlDistributionPoints: [{fullname: 'URI:http://e/c.crl', crlissuer: 'DNS:e.example', reasons: [keyCompromise]}], \
        certificatePolicies: {critical: true, 1.2.3.4: [http://cps/, {organization: Org, noticeNumbers: [1, 2], text: words}]}, \
        policyConstraints: 'critical, requireExplicitPolicy:3,inhibitPolicyMapping:1', inhibitAnyPolicy: 1, \
        nameConstraints: 'critical,permitted;IP:192.168.0.0/255.255.0.0,excluded;email:.example', noCheck: true, \
        tlsfeature: status_request";
    place.changed("certificate_managed", "full.crt", &format!("{WEB}, {said}"));
    let text = place.openssl("x509 -in full.crt -noout -text");
    for part in [
        "DirName:/CN=ca.example",
        "DNS:ca.example",
        "Digital Signature, Key Agreement, Encipher Only",
        "TLS Web Client Authentication, 1.2.3.4.5",
        "email:me@x.example, URI:http://x.example/, IP Address:0:0:0:0:0:0:0:1, Registered ID:1.2.3, DirName:/CN=foo",
        "OCSP - URI:http://ocsp/",
        "CA Issuers - URI:http://ca/ca.cer",
        "URI:http://e/c.crl",
        "Key Compromise",
        "DNS:e.example",
        "CPS: http://cps/",
        "Organization: Org",
        "Numbers: 1, 2",
        "Explicit Text: words",
        "Require Explicit Policy:3, Inhibit Policy Mapping:1",
        "IP:192.168.0.0/255.255.0.0",
        "OCSP No Check",
        "status_request",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for (arguments, why) in [
        ("basicConstraints: nonsense", "'nonsense' is not of the form"),
        ("basicConstraints: 'CA:maybe'", "neither true nor false"),
        ("keyUsage: nonsense", "keyUsage has no 'nonsense'"),
        ("extendedKeyUsage: foo", "Invalid oid: foo"),
        ("subjectAltName: x.example", "GeneralName type x.example is invalid"),
        ("subjectAltName: 'IP:300.1.1.1'", "does not seem to be an IP address"),
        ("subjectAltName: 'otherName:1.2.3;x'", "'otherName' of certificates is not implemented"),
        ("subjectKeyIdentifier: zz", "neither 'hash' nor hexadecimal"),
        ("authorityKeyIdentifier: foo", "authorityKeyIdentifier has no 'foo'"),
        ("nameConstraints: 'permitted;IP:192.0.2.1'", "a network is needed"),
        ("tlsfeature: foo", "tlsfeature has no 'foo'"),
        ("inhibitAnyPolicy: x", "is no number"),
        ("crlDistributionPoints: foo", "GeneralName type foo is invalid"),
        ("certificatePolicies: foo", "Invalid oid: foo"),
        ("authorityInfoAccess: 'OCSP;foo'", "GeneralName type foo is invalid"),
    ] {
        place.fails("certificate_managed", "no.crt", &format!("{WEB}, CN: x, {arguments}"), why);
    }
}
