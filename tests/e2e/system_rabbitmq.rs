//! RabbitMQ: real servers in a copy of this machine with a network of its own, and all that its states and functions
//! say of them.

use fleet_minion::system::command::which;
use fleet_tests::harness::{Machine, skip};
use serde_json::Value;

use crate::steps::Said;

/// What begins every line: two nodes, and a `rabbitmqctl` before the real one that writes down its words.
const START: &str = r#"
ip link set lo up
cd /
mkdir -p /var/log/rabbitmq; chown rabbitmq: /var/log/rabbitmq
rm -rf /etc/rabbitmq/* /var/lib/rabbitmq/mnesia/*
echo NODENAME=rabbit@localhost > /etc/rabbitmq/rabbitmq-env.conf
install -m 666 /dev/null /tmp/fleet-words
printf '#!/bin/sh\nprintf "%%s\\n" "$@" >> /tmp/fleet-words\nexec /usr/sbin/rabbitmqctl "$@"\n' > /usr/local/sbin/rabbitmqctl
chmod 755 /usr/local/sbin/rabbitmqctl
PATH=/usr/local/sbin:$PATH
ctl() { /usr/sbin/rabbitmqctl --quiet "$@" < /dev/null; }
# A node that is not up yet is as unknown as one that never comes: asked until it answers, and given up after minutes.
up() { for try in $(seq 200); do ctl --node $1 await_startup --timeout 60 > /tmp/fleet-up 2>&1 && return; sleep 1; done; cat /tmp/fleet-up; exit 1; }
rabbitmq-server > /tmp/fleet-one 2>&1 &
up rabbit@localhost
seen() { run "$1" sh -c 'rabbitmqctl --quiet export_definitions - && rabbitmq-plugins list --quiet --minimal --enabled'; }
"#;

const PRESENT: &str = r#"
/shop:
  rabbitmq_vhost.present: []
app:
  rabbitmq_user.present:
    - password: fleet $HOME "secret"
    - tags: [monitoring, management]
    - perms:
      - /: ['^app\.$', '', '.*']
      - /shop: ['.*', '.*', '.*']
nobody:
  rabbitmq_user.present: []
keep:
  rabbitmq_policy.present:
    - pattern: '^tmp\.'
    - definition: '{"expires": 1800000}'
    - priority: 3
    - apply_to: queues
rabbitmq_federation:
  rabbitmq_plugin.enabled: []
north:
  rabbitmq_upstream.present:
    - uri: amqp://other:up-secret@north.example
    - max_hops: 2
    - require: [{rabbitmq_plugin: rabbitmq_federation}]
"#;

const ABSENT: &str = r#"
north:
  rabbitmq_upstream.absent: []
keep:
  rabbitmq_policy.absent: []
app:
  rabbitmq_user.absent: []
nobody:
  rabbitmq_user.absent: []
/shop:
  rabbitmq_vhost.absent: []
rabbitmq_federation:
  rabbitmq_plugin.disabled:
    - require: [{rabbitmq_upstream: north}]
"#;

const WRONG: &str = r#"
nowhere:
  rabbitmq_user.present:
    - name: guest
    - perms: [{/nowhere: ['.*', '.*', '.*']}]
two lines:
  rabbitmq_user.present:
    - name: guest
    - password: "fleet\nsecret"
no permissions:
  rabbitmq_user.present:
    - name: guest
    - perms: [{/: '.*'}]
no JSON:
  rabbitmq_policy.present:
    - pattern: a
    - definition: expires
no plugin:
  rabbitmq_plugin.enabled: []
lonely:
  rabbitmq_cluster.joined: [{host: nowhere.invalid}]
"#;

const STEPS: &str = r#"
seen fresh
state present-dry present true
seen after-dry
state present present false
seen held
state present-again present false
run check saltcall --local rabbitmq.check_password app 'fleet $HOME "secret"'
run check-wrong saltcall --local rabbitmq.check_password app guessed
run permissions saltcall --local rabbitmq.list_user_permissions app
run policies saltcall --local rabbitmq.list_policies /
run users saltcall --local rabbitmq.list_users
run plugins saltcall --local rabbitmq.list_enabled_plugins
/usr/sbin/rabbitmqctl --quiet import_definitions > /tmp/fleet-out <<'END'
{"queues": [{"name": "fleet_q", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}}]}
END
until ctl list_queues name | grep -q fleet_q; do sleep 1; done
run queues saltcall --local rabbitmq.list_queues null messages name
run status saltcall --local rabbitmq.status
ctl change_password app other > /tmp/fleet-out
ctl set_user_tags app administrator > /tmp/fleet-out
ctl clear_permissions -p /shop app > /tmp/fleet-out
ctl set_policy --apply-to all keep '^other' '{"expires": 5}' > /tmp/fleet-out
ctl set_parameter federation-upstream north '{"uri": "amqp://south.example"}' > /tmp/fleet-out
ctl delete_user nobody > /tmp/fleet-out
state mend-dry present true
state mend present false
seen mended
state wrong wrong false
seen after-wrong
state absent-dry absent true
state absent absent false
state absent-again absent false
seen gone
run add saltcall --local rabbitmq.add_user late fleet-late
run password saltcall --local rabbitmq.change_password late fleet-later
run check-late saltcall --local rabbitmq.check_password late fleet-later
RABBITMQ_NODENAME=second@localhost RABBITMQ_NODE_PORT=5673 RABBITMQ_DIST_PORT=25673 rabbitmq-server > /tmp/fleet-two 2>&1 &
up second@localhost
state join-dry join true
state join join false
state join-again join false
run cluster saltcall --local rabbitmq.cluster_status
run stop saltcall --local rabbitmq.stop_app
state stopped present true
run words cat /tmp/fleet-words
"#;

const JOIN: &str = "cluster:\n  rabbitmq_cluster.joined: [{host: localhost}, {user: second}]\n";

/// All chunks of a run have this result, and changes or none.
fn chunks(said: &Said, step: &str, result: &Value, changed: bool) {
    for (key, chunk) in said.local(step).as_object().unwrap() {
        assert_eq!(&chunk["result"], result, "{step} {key}: {chunk}");
        assert_eq!(!chunk["changes"].as_object().unwrap().is_empty(), changed, "{step} {key}: {chunk}");
    }
}

/// What a server holds, without what is new every time a password is set.
fn held(said: &Said, step: &str) -> (Value, String) {
    let text = said.text(step);
    let end = text.rfind('}').unwrap() + 1;
    let mut definitions: Value = serde_json::from_str(&text[..end]).unwrap();
    let parts = definitions.as_object_mut().unwrap();
    parts.retain(|part, _| ["users", "vhosts", "permissions", "parameters", "policies"].contains(&part.as_str()));
    for (_, list) in parts.iter_mut() {
        let list = list.as_array_mut().unwrap();
        for entry in list.iter_mut() {
            entry.as_object_mut().unwrap().retain(|key, _| key != "password_hash" && key != "metadata");
        }
        list.sort_by_key(Value::to_string);
    }
    (definitions, text[end..].trim().to_owned())
}

#[test]
fn users_hosts_policies_plugins_upstreams_and_clusters_are_as_predicted() {
    let test = "users_hosts_policies_plugins_upstreams_and_clusters_are_as_predicted";
    if which("rabbitmq-server", None).is_none() {
        return skip(test, "there is no program 'rabbitmq-server'");
    }
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip(test, &why),
    };
    let states = [("present", PRESENT), ("absent", ABSENT), ("wrong", WRONG), ("join", JOIN)];
    let said = Said::by(&machine, &states, &format!("{START}{STEPS}"));
    chunks(&said, "present-dry", &Value::Null, true);
    assert_eq!(held(&said, "after-dry"), held(&said, "fresh"), "a dry run changed something");
    chunks(&said, "present", &true.into(), true);
    chunks(&said, "present-again", &true.into(), false);
    assert_eq!(held(&said, "held").1, "rabbitmq_federation");

    assert_eq!((said.local("check"), said.local("check-wrong")), (true.into(), false.into()));
    let patterns =
        |configure: &str, write: &str| serde_json::json!({"configure": configure, "write": write, "read": ".*"});
    let permissions = serde_json::json!({"/": patterns("^app\\.$", ""), "/shop": patterns(".*", ".*")});
    assert_eq!(said.local("permissions"), permissions);
    assert_eq!(said.local("policies")["/"]["keep"]["apply_to"], "queues");
    assert_eq!(said.local("users")["app"], serde_json::json!(["monitoring", "management"]));
    assert_eq!(said.local("plugins"), serde_json::json!(["rabbitmq_federation"]));
    assert_eq!(said.local("queues"), serde_json::json!({"0": ["fleet_q"]}));
    assert!(said.local("status").as_str().unwrap().contains("RabbitMQ version: "));

    let mended = said.local("mend");
    for (key, chunk) in mended.as_object().unwrap() {
        let harmed = !key.contains("vhost") && !key.contains("plugin");
        assert_eq!((&chunk["result"], chunk["changes"] != serde_json::json!({})), (&true.into(), harmed), "{chunk}");
    }
    for (key, chunk) in said.local("mend-dry").as_object().unwrap() {
        assert_eq!(chunk["changes"], mended[key]["changes"], "{key} was predicted otherwise");
    }
    assert_eq!(held(&said, "mended"), held(&said, "held"));

    chunks(&said, "wrong", &false.into(), false);
    let wrong = said.local("wrong").to_string();
    for words in ["/nowhere", "one line of text", "'perms' is a list", "is not JSON", "no plugin", "nowhere.invalid"] {
        assert!(wrong.contains(words), "{words}: {wrong}");
    }
    assert_eq!(held(&said, "after-wrong"), held(&said, "held"));

    chunks(&said, "absent-dry", &Value::Null, true);
    chunks(&said, "absent", &true.into(), true);
    chunks(&said, "absent-again", &true.into(), false);
    assert_eq!(held(&said, "gone"), held(&said, "fresh"));

    assert_eq!(said.local("check-late"), true);
    chunks(&said, "join-dry", &Value::Null, true);
    chunks(&said, "join", &true.into(), true);
    chunks(&said, "join-again", &true.into(), false);
    assert!(said.local("cluster").as_str().unwrap().contains("second@localhost"));
    // Plugins are a file: they can be switched while the server is stopped.
    for (key, chunk) in said.local("stopped").as_object().unwrap() {
        let result = if key.starts_with("rabbitmq_plugin_|") { Value::Null } else { false.into() };
        assert_eq!(chunk["result"], result, "{key}: {chunk}");
    }

    // The words of every command that the product ran.
    let words = said.text("words");
    assert!(words.lines().any(|word| word == "add_user") && words.lines().any(|word| word == "import_definitions"));
    for secret in ["secret", "fleet-late", "guessed"] {
        assert!(!words.contains(secret), "a password is on a command line: {words}");
    }
    // What a server holds is the only answer with the password of the upstream.
    let kept = ["held", "mended", "after-wrong"];
    for (step, text) in said.0.iter().filter(|(step, _)| !kept.contains(&step.as_str())) {
        assert!(!text.contains("up-secret"), "{step}: {text}");
    }
}
