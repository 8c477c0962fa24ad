//! Helm: the real program in a copy of this machine with a network of its own, and all that its states and functions say.
//!
//! A cluster can't be had: what Helm talks to keeps objects as a cluster does, and runs nothing (`kube.py`).

use fleet_minion::system::command::which;
use fleet_tests::harness::{Machine, skip};
use serde_json::{Value, json};

use crate::steps::Said;

/// What begins: the cluster and the repositories, and a `helm` before the real one that writes down its words.
const START: &str = r#"
ip link set lo up
mkdir -p /srv/charts/open /srv/charts/closed HOME/helm
cd /srv
export HOME=HOME/helm KUBECONFIG=/dev/null HELM_KUBEAPISERVER=http://127.0.0.1:18080
python3 HOME/kube.py 18080 /srv/charts HOME/ready &
until test -e HOME/ready; do kill -0 $!; sleep 0.1; done
REAL=$(command -v helm)
install -m 666 /dev/null /tmp/fleet-words
printf '#!/bin/sh\nprintf "%%s\\n" "$*" >> /tmp/fleet-words\nexec %s "$@"\n' $REAL > /usr/local/sbin/helm
chmod 755 /usr/local/sbin/helm
PATH=/usr/local/sbin:$PATH
helm_() { saltcall --local "helm.$@"; }
"#;

const STEPS: &str = r#"
run create helm_ create /srv/web
rm -r /srv/web/templates/* /srv/web/charts
echo 'color: red' > /srv/web/values.yaml
cat > /srv/web/templates/map.yaml <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {color: {{ .Values.color | quote }}}
END
run lint helm_ lint /srv/web
run package helm_ package /srv/web kvflags='{destination: /srv/charts/open}'
run index helm_ repo_index /srv/charts/open
cp /srv/charts/open/* /srv/charts/closed
run none helm_ repo_list
$REAL repo add gone http://127.0.0.1:18080/open > /tmp/out
state repos-dry repos true
run repos-before helm_ repo_list
state repos repos false
state repos-again repos false
run closed helm_ repo_add closed http://127.0.0.1:18080/closed kvflags='{username: fleet, password: repo-secret}'
run manage helm_ repo_manage absent='[nobody]'
run update helm_ repo_update
run list-repos helm_ repo_list
run search helm_ search_repo web
run pull helm_ pull closed/web kvflags='{destination: /srv}'
run pulled ls /srv
run values helm_ show_values closed/web
run template helm_ template web open/web set=color=green
state release-dry release true
run before helm_ list namespace=shop
state release release false
state release-again release false
run manifest helm_ get_manifest web kvflags='{namespace: shop}'
$REAL upgrade web /srv/web --namespace shop --set color=red --disable-openapi-validation > /tmp/out
state mend-dry release true
state mend release false
run mended helm_ get_values web kvflags='{namespace: shop}'
sed -i 's/^version: .*/version: 0.2.0/' /srv/web/Chart.yaml
run upgrade helm_ upgrade web /srv/web namespace=shop set='[color=blue]' flags='[disable-openapi-validation]'
state other-chart release true
run history helm_ history web kvflags='{namespace: shop}'
run rollback helm_ rollback web 1 namespace=shop
run status helm_ status web namespace=shop
state wrong wrong false
refused password helm_ pull open/web kvflags='{password: seen-secret}'
refused address helm_ repo_add a http://larry:seen-secret@127.0.0.1:18080/open
refused option helm_ uninstall release=--all
state absent-dry absent true
run kept helm_ list namespace=shop
export HELM_KUBEAPISERVER=http://127.0.0.1:9
state no-cluster absent false
export HELM_KUBEAPISERVER=http://127.0.0.1:18080
state absent absent false
state absent-again absent false
run gone helm_ list namespace=shop
state pruned pruned false
run empty helm_ repo_list
run version helm_ version
run words cat /tmp/fleet-words
"#;

const STATES: [(&str, &str); 5] = [
    (
        "repos",
        "charts: {helm.repo_managed: [{present: [{name: open, url: 'http://127.0.0.1:18080/open'}]}, {absent: [gone]}, \
         {repo_update: true}]}\nfresh: {helm.repo_updated: []}\n",
    ),
    (
        "release",
        "web: {helm.release_present: [{chart: open/web}, {namespace: shop}, {set: [color=blue]}, {version: 0.1.0}, \
         {flags: [disable-openapi-validation]}]}\n",
    ),
    ("absent", "web: {helm.release_absent: [{namespace: shop}]}\n"),
    ("pruned", "charts: {helm.repo_managed: [{prune: true}]}\n"),
    (
        "wrong",
        "nowhere: {helm.release_present: [{chart: nowhere/web}]}\n\
         moved: {helm.repo_managed: [{present: [{name: open, url: 'http://127.0.0.1:18080/closed'}]}]}\n\
         no address: {helm.repo_managed: [{present: [{name: open}]}]}\n\
         both: {helm.repo_managed: [{present: [{name: open, url: 'http://x'}]}, {absent: [open]}]}\n\
         unauthorized: {helm.repo_managed: [{present: [{name: c, url: 'http://127.0.0.1:18080/closed'}]}]}\n\
         switch: {helm.release_present: [{chart: open/web}, {kvflags: {wait: true}}]}\n",
    ),
];

/// Result, comment and changes of a run's first chunk of a function.
fn chunk(said: &Said, step: &str, function: &str) -> (Value, String, Value) {
    let chunks = said.local(step);
    let chunks = chunks.as_object().unwrap_or_else(|| panic!("{step}: {chunks}"));
    let found = chunks.iter().find(|(key, _)| key.ends_with(&format!("_|-{function}")));
    let (_, chunk) = found.unwrap_or_else(|| panic!("{step}: no {function} in {chunks:?}"));
    (chunk["result"].clone(), chunk["comment"].as_str().unwrap().to_owned(), chunk["changes"].clone())
}

#[test]
fn repositories_and_releases_are_as_predicted() {
    let test = "repositories_and_releases_are_as_predicted";
    if which("helm", std::env::var_os("PATH").as_deref()).is_none() {
        return skip(test, "there is no program 'helm'");
    }
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip(test, &why),
    };
    std::fs::write(machine.home().join("kube.py"), include_str!("kube.py")).unwrap();
    let said = Said::by(&machine, &STATES, &format!("{START}{STEPS}"));
    repositories(&said);
    releases(&said);
    refusals(&said);
    words(&said);
}

fn repositories(said: &Said) {
    for step in ["create", "lint", "package", "index", "closed", "update", "pull"] {
        assert_eq!(said.local(step), true, "{step}");
    }
    let open = json!({"name": "open", "url": "http://127.0.0.1:18080/open"});
    let changes =
        json!({"present": [], "added": [open], "absent": [], "removed": ["gone"], "failed": [], "repo_update": true});
    let dry = (Value::Null, "Helm repo would have been managed.".to_owned(), changes.clone());
    assert_eq!(chunk(said, "repos-dry", "repo_managed"), dry);
    let gone = json!([{"name": "gone", "url": "http://127.0.0.1:18080/open"}]);
    assert_eq!(said.local("repos-before"), gone, "a dry run changed something");
    let real = (true.into(), "Repositories were added or removed.".to_owned(), changes);
    assert_eq!(chunk(said, "repos", "repo_managed"), real);
    let again = (true.into(), "Helm repo is managed.".to_owned(), json!({}));
    assert_eq!(chunk(said, "repos-again", "repo_managed"), again);
    let updated = (true.into(), "Helm repo is updated.".to_owned(), json!({}));
    assert_eq!(chunk(said, "repos", "repo_updated"), updated);

    let closed = json!({"name": "closed", "url": "http://127.0.0.1:18080/closed"});
    assert_eq!(said.local("list-repos"), json!([open, closed]));
    let managed = json!({"present": [open, closed], "added": [], "absent": ["nobody"], "removed": [], "failed": []});
    assert_eq!(said.local("manage"), managed);
    let found: Vec<Value> = said.local("search").as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(found, ["closed/web", "open/web"]);
    assert!(said.text("pulled").contains("web-0.1.0.tgz"));
    assert_eq!(said.local("values"), "color: red");
    assert!(said.local("template").as_str().unwrap().contains("color: \"green\""));
    assert_eq!(chunk(said, "pruned", "repo_managed").2["removed"], json!(["open", "closed"]));
    assert_eq!(said.text("empty"), said.text("none"));
}

fn releases(said: &Said) {
    let release = |revision: i64| json!({"name": "web", "namespace": "shop", "version": revision, "info": {"status": "deployed"}});
    let dry =
        |revision| (Value::Null, "Helm release would have been installed or updated.".to_owned(), release(revision));
    let real = |changes| (Value::Bool(true), "Helm release web is present".to_owned(), changes);
    assert_eq!(chunk(said, "release-dry", "release_present"), dry(1));
    assert_eq!(said.local("before"), json!([]), "a dry run changed something");
    assert_eq!(chunk(said, "release", "release_present"), real(release(1)));
    assert_eq!(chunk(said, "release-again", "release_present"), real(json!({})));
    assert!(said.local("manifest").as_str().unwrap().contains("color: \"blue\""));
    assert_eq!(chunk(said, "mend-dry", "release_present"), dry(3));
    assert_eq!(chunk(said, "mend", "release_present"), real(release(3)));
    assert_eq!(said.local("mended"), json!({"color": "blue"}));
    // The same objects and values, of another version of the chart.
    assert_eq!(said.local("upgrade"), true);
    assert_eq!(chunk(said, "other-chart", "release_present"), dry(5));
    let history = said.local("history");
    let charts: Vec<&str> = history.as_array().unwrap().iter().filter_map(|row| row["chart"].as_str()).collect();
    assert_eq!(charts, ["web-0.1.0", "web-0.1.0", "web-0.1.0", "web-0.2.0"]);
    assert_eq!(said.local("rollback"), true);
    let status = said.local("status");
    assert_eq!((&status["version"], &status["info"]["description"]), (&5.into(), &"Rollback to 1".into()));

    let absent = |result: Value, comment: &str, changes| (result, comment.to_owned(), changes);
    let dry = absent(Value::Null, "Helm release would have been uninstalled.", json!({"absent": "web"}));
    assert_eq!(chunk(said, "absent-dry", "release_absent"), dry);
    assert_eq!(said.local("kept").as_array().unwrap().len(), 1, "a dry run changed something");
    let real = absent(true.into(), "Helm release web is absent.", json!({"absent": "web"}));
    assert_eq!(chunk(said, "absent", "release_absent"), real);
    let again = absent(true.into(), "Helm release web is absent.", json!({}));
    assert_eq!(chunk(said, "absent-again", "release_absent"), again);
    assert_eq!(said.local("gone"), json!([]));
}

fn refusals(said: &Said) {
    for (_, chunk) in said.local("wrong").as_object().unwrap() {
        assert_eq!((&chunk["result"], &chunk["changes"]), (&false.into(), &json!({})), "{chunk}");
    }
    let wrong = said.local("wrong").to_string();
    for words in ["nowhere", "force-update", "have to be formatted like", "in 'absent'", "Unauthorized", "'wait'"] {
        assert!(wrong.contains(words), "{words}: {wrong}");
    }
    // A cluster that can't be reached is none without the release.
    let (result, comment, _) = chunk(said, "no-cluster", "release_absent");
    assert_eq!(result, false, "{comment}");
    for (step, words) in [("password", "list of processes"), ("address", "'kvflags'"), ("option", "'flags'")] {
        let why = said.text(step);
        assert!(why.contains(words) && !why.contains("taken"), "{step}: {why}");
    }
    assert!(said.local("version").as_str().unwrap().contains("Version:"));
}

/// The words of every command that the product ran.
fn words(said: &Said) {
    let words = said.text("words");
    for line in [
        "create /srv/web",
        "package /srv/web --destination /srv/charts/open",
        "repo add closed http://127.0.0.1:18080/closed --password-stdin --username fleet",
        "install web open/web --disable-openapi-validation --version 0.1.0 --namespace shop --set color=blue",
        "upgrade web /srv/web --disable-openapi-validation --namespace shop --set color=blue",
        "rollback web 1 --namespace shop",
        "status web --namespace shop --output json",
        "get values web --namespace shop --output json",
        "uninstall web --namespace shop",
        "repo remove gone",
        "repo update",
    ] {
        assert!(words.lines().any(|word| word == line), "{line}: {words}");
    }
    for (step, text) in &said.0 {
        assert!(!text.contains("repo-secret") && !text.contains("seen-secret"), "{step}: {text}");
    }
}
