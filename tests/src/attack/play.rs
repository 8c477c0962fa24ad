//! The three parts, each on a fleet of its own.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use fleet_common::ids::Jid;
use rustix::process::Signal;
use tokio::runtime::Runtime;

use super::between::{Between, joined};
use super::flood::{self, Ports};
use super::minion::{self, CANARY};
use super::tally::{Before, Count, Outcome, Tally, Tried};
use super::{enrol, network, operator};
use crate::harness::account::may_change_account;
use crate::harness::proxy::Proxy;
use crate::harness::{Fleet, FleetOptions, wait_until};

/// Who attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A minion in the wrong hands.
    Minion,
    /// A peer on the network.
    Network,
    /// A restricted operator.
    Operator,
}

const REQUESTS: Count = Count::Each(&["refused.requests"]);
const UNASKED: Count = Count::Each(&["store.unsolicited", "store.unsolicited_dropped"]);
const OPERATORS: Count = Count::Each(&["refused.operators"]);
/// Wherever a connection ends that is no good minion's.
const CONNECTIONS: &[&str] = &[
    "refused.handshakes",
    "requests.handshake_failed",
    "requests.closed_protocol",
    "publications.handshake_failed",
    "publications.closed_protocol",
];
const FLOODS: Count = Count::Some(&[
    "refused.handshakes",
    "requests.handshake_failed",
    "requests.handshake_timeout",
    "requests.refused_address",
    "publications.handshake_timeout",
    "publications.closed_subscriptions",
]);

/// Plays a part; in short, less of everything that is repeated.
pub fn play(part: Part, short: bool, outcome: &mut Outcome) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    match part {
        Part::Minion => as_minion(&runtime, short, &mut Tally { part: "minion", outcome }),
        Part::Network => as_network(&runtime, short, &mut Tally { part: "network", outcome }),
        Part::Operator => as_operator(&mut Tally { part: "operator", outcome }),
    }
}

/// What is told of a job that was started and is not waited for.
fn started(fleet: &Fleet, line: &[&str]) -> Jid {
    let told = fleet.ctl(line);
    let jid = told.stdout.split_whitespace().find_map(|word| word.parse().ok());
    jid.unwrap_or_else(|| panic!("no job was started: {told:?}"))
}

/// A master with secrets, the minion `web1` in the wrong hands, and `db1`.
fn secrets() -> Fleet {
    let dir = tempfile::Builder::new().prefix("fleet-").tempdir().expect("a temporary directory can be made").keep();
    let master_config = format!("fileserver_followsymlinks: False\n{}", enrol::settings(&dir));
    let mut fleet = Fleet::in_dir(dir, &FleetOptions { master_config, ..FleetOptions::default() });
    lay_out(fleet.dir()).expect("the fleet's directory is ours");
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.start_minion("db1", "");
    fleet.accept(&["web1", "db1"]);
    fleet.wait_for(&["web1", "db1"]);
    fleet
}

fn lay_out(dir: &Path) -> std::io::Result<()> {
    let srv = dir.join("srv");
    std::fs::write(srv.join("pillar/top.sls"), "base:\n  'db*':\n    - data\n")?;
    std::fs::write(srv.join("pillar/data.sls"), format!("password: {CANARY}\n"))?;
    std::fs::write(srv.join("secret"), CANARY)?;
    std::fs::create_dir(srv.join("salt/sub"))?;
    std::fs::write(srv.join("salt/sub/file"), "inside")?;
    symlink("../secret", srv.join("salt/out"))?;
    symlink("/etc", srv.join("salt/etc"))?;
    enrol::lay_out(dir)
}

/// Attempts that are still to be made.
type Work<'w> = Pin<Box<dyn Future<Output = Tried> + 'w>>;

fn as_minion(runtime: &Runtime, short: bool, tally: &mut Tally<'_>) {
    let fleet = secrets();
    for (name, more) in [("kept", &["allow_tgt=db*"][..]), ("open", &[])] {
        let sent = fleet.ctl(&[&["db1", "mine.send", name, "mine_function=test.echo", CANARY], more].concat());
        assert_eq!(sent.status, 0, "{sent:?}");
    }
    let names = operator::names_of_runners(&fleet);
    // A job that the other is owed all the time, with arguments by reference.
    fleet.signal("db1", Signal::STOP);
    let line = ["db1", "--ttl", "3600", "--async", "test.arg", &format!("pillar={{secret: {CANARY}}}")];
    let jid = started(&fleet, &line);
    let (client, _dir) = runtime.block_on(minion::session(&fleet, "web1"));
    let (root, mark) = (fleet.dir(), fleet.dir().join("mark"));
    let mut row = |what, count, work: Work<'_>| tally.row((&fleet, &["web1"]), what, count, || runtime.block_on(work));
    let nothing = Count::Nothing;
    row("pillar of others", nothing, Box::pin(minion::pillar_of_others(&client, root, &mark)));
    row(
        "paths that lead out, from the start and resumed",
        REQUESTS,
        Box::pin(minion::paths_that_lead_out(&client, root)),
    );
    row("files not served, environments there are not", nothing, Box::pin(minion::files_that_are_not_served(&client)));
    row("lists, manifests and parts of what is outside", nothing, Box::pin(minion::lists_of_what_is_outside(&client)));
    row("jobs of others", nothing, Box::pin(minion::jobs_of_others(&client, &jid)));
    row("arguments of others' jobs by reference", REQUESTS, Box::pin(minion::payloads_of_others(&client, &jid)));
    row("events of the system", REQUESTS, Box::pin(minion::events_of_the_system(&client)));
    row("runners that peer_run does not name", REQUESTS, Box::pin(minion::runners(&client, &names)));
    row("values of the mine that are others'", nothing, Box::pin(minion::mine_of_others(&client)));
    row("values of the mine by guesses at pillar", REQUESTS, Box::pin(minion::mine_by_pillar(&client)));
    let forged = Count::Each(&["refused.forged_returns"]);
    row("returns under the name of another", forged, Box::pin(minion::returns(&client, &[(&jid, "db1")])));
    // Its own return to the job of the other is kept by now: the forged one counts as that.
    let older: [Jid; 2] = ["20200101000000000000", "20200101000000000001"].map(|jid| jid.parse().expect("it is an id"));
    let own = [(&older[0], "web1"), (&older[1], "web1")];
    row("returns to jobs that there are not", UNASKED, Box::pin(minion::returns(&client, &own)));
    let guesses = if short { 20 } else { 200 };
    row(
        "tokens guessed, used, cut, too old, for others",
        Count::Each(&["refused.tokens"]),
        Box::pin(enrol::tokens(&fleet, guesses)),
    );
    row("claimed grains, a list of ids that others can write", nothing, Box::pin(enrol::claims(&fleet)));
    fleet.signal("db1", Signal::CONT);
    tally.row((&fleet, &["web1", "db1"]), "the forged return in the place of the right one", nothing, || {
        let mut tried = Tried::default();
        tried.add(right_return(&fleet, &jid));
        tried
    });
}

/// What is wrong with the return of `db1`, if anything is.
fn right_return(fleet: &Fleet, jid: &Jid) -> Option<String> {
    let told = || fleet.run(&["jobs.lookup_jid", jid.as_str(), "--out", "json"]);
    let there = wait_until(Duration::from_secs(60), || told().stdout.contains("db1").then(told));
    match there {
        Some(told) if told.json()["db1"].to_string().contains("secret") => None,
        other => Some(format!("{other:?}")),
    }
}

fn as_network(runtime: &Runtime, short: bool, tally: &mut Tally<'_>) {
    let mut of = Between::new();
    let (mut far, beside) = (Between::new(), joined(&mut of.fleet, "web2"));
    for word in ["one", "two", "three"] {
        assert_eq!(of.append("web1", word).status, 0, "{}", of.fleet.tail("web1"));
        assert_eq!(far.append("web1", word).status, 0, "{}", far.fleet.tail("web1"));
    }
    let captured =
        Captured { sent: of.request.sent(), sessions: of.request.recorded(), publications: of.publish.recorded() };
    replayed(tally, &captured, (&of, &beside.1), &far, "at once");
    for (what, victim, id) in [
        ("all of the master's words to its minion", &mut of, "web1"),
        ("all of the master's words to a minion of another", &mut far, "web1"),
    ] {
        let before = Before::of(&victim.fleet, &[], Count::Nothing);
        let tried = network::captured_master(&captured.sessions, &captured.publications, victim, id);
        tally.after(&victim.fleet, &before, what, tried);
    }
    of.fleet.stop("master", Signal::TERM);
    of.fleet.start_master();
    of.fleet.wait_for(&["web1", "web2"]);
    replayed(tally, &captured, (&of, &beside.1), &far, "later");
    strangers(runtime, short, tally, &of.fleet);
}

/// What went over the wire.
struct Captured {
    sent: Vec<u8>,
    sessions: Vec<Vec<u8>>,
    publications: Vec<Vec<u8>>,
}

/// Everything that was captured comes to whom it was for, to his neighbour and to another fleet.
fn replayed(
    tally: &mut Tally<'_>,
    captured: &Captured,
    (of, beside): (&Between, &Proxy),
    far: &Between,
    when: &'static str,
) {
    let now = when == "at once";
    let name = |first, second| if now { first } else { second };
    let connections = Count::Each(CONNECTIONS);
    let own = (&of.fleet, &["web1", "web2"][..]);
    tally.row(own, name("a minion's session, at once", "a minion's session, later"), connections, || {
        network::captured_sessions(&of.fleet, &captured.sent)
    });
    let what = name("a minion's session to another master", "a minion's session to another master, later");
    tally.row((&far.fleet, &["web1"]), what, connections, || network::captured_sessions(&far.fleet, &captured.sent));
    let what = name("publications and forgeries, at once", "publications and forgeries, later");
    tally.row(own, what, Count::Nothing, || {
        network::captured_publications(&captured.publications, of, &of.publish, "web1", when.trim_start_matches("at "))
    });
    let what = name("the same to another minion", "the same to another minion, later");
    tally.row(own, what, Count::Nothing, || {
        network::captured_publications(&captured.publications, of, beside, "web2", when.trim_start_matches("at "))
    });
    let what = name("the same to a minion of another master", "the same to a minion of another master, later");
    tally.row((&far.fleet, &["web1"]), what, Count::Nothing, || {
        network::captured_publications(
            &captured.publications,
            far,
            &far.publish,
            "web1",
            when.trim_start_matches("at "),
        )
    });
}

/// Who knows no key at all.
fn strangers(runtime: &Runtime, short: bool, tally: &mut Tally<'_>, fleet: &Fleet) {
    let (ports, identity) = (Ports::of(fleet), minion::identity(fleet, "web1"));
    let step = if short { 5 } else { 1 };
    let mut row =
        |what, count, work: Work<'_>| tally.row((fleet, &["web1", "web2"]), what, count, || runtime.block_on(work));
    let each = Count::Each(CONNECTIONS);
    row("older transports and other mechanisms", each, Box::pin(network::older_transports(ports)));
    row("other versions of the protocol", each, Box::pin(network::other_versions(ports, step * 3)));
    row("first words broken off after every byte", each, Box::pin(network::broken_off(ports, step)));
    row("a first message cut after every byte", each, Box::pin(network::shortened(ports, step)));
    row(
        "a last message cut and changed at every byte",
        each,
        Box::pin(network::changed_last_words(fleet, &identity, "web1", step)),
    );
    row("giant frames", each, Box::pin(async { Tried::in_vain(flood::giant_frames(ports).await) }));
    let (garbage, silent) = if short { (60, 200) } else { (400, 2000) };
    row(
        "garbage and endless messages",
        FLOODS,
        Box::pin(async { Tried::in_vain(flood::garbage(ports, garbage).await) }),
    );
    row(
        "names of others and endless subscriptions",
        FLOODS,
        Box::pin(async { Tried::in_vain(flood::identities_and_subscriptions(ports).await) }),
    );
    row("half handshakes", FLOODS, Box::pin(network::half_handshakes(ports, silent / 4)));
    row(
        "silence at every stage",
        FLOODS,
        Box::pin(async { Tried::in_vain(flood::silence(ports, silent).await.len()) }),
    );
    let keys = if short { 40 } else { 400 };
    row(
        "fresh keys",
        Count::Nothing,
        Box::pin(async {
            let waiting = flood::fresh_keys(ports, keys, 16).await;
            Tried::in_vain(keys).but((waiting != keys).then(|| format!("{waiting} of {keys} wait")))
        }),
    );
}

fn as_operator(tally: &mut Tally<'_>) {
    if !may_change_account("an attack by a restricted operator") {
        tally.outcome.skipped.push("operator: another account can only be taken by root with setpriv".to_owned());
        return;
    }
    let mut fleet = Fleet::new(&FleetOptions { master_config: operator::RULES.to_owned(), ..FleetOptions::default() });
    fleet.start_master();
    fleet.start_minion("web1", "grains:\n  roles: [web, cache]\n");
    fleet.start_minion("web2", "grains:\n  roles: [web]\n");
    fleet.accept(&["web1", "web2"]);
    fleet.wait_for(&["web1", "web2"]);
    let account = operator::Account::new(&fleet);
    let may = account.ctl(&["web1", "cmd.run", "echo yes"]);
    assert!(may.status == 0 && may.stdout.contains("yes"), "it may do something: {may:?}");
    let done = started(&fleet, &["web1", "--async", "test.arg", CANARY]);
    let under_way = started(&fleet, &["web1", "--async", "test.sleep", "60"]);
    let jids = [done, under_way].map(|jid| jid.to_string());
    let names = operator::names_of_runners(&fleet);
    let on = (&fleet, &["web1", "web2"][..]);
    let mark = fleet.dir().join("mark");
    tally.row(on, "other minions, functions and arguments", OPERATORS, || operator::widened(&account, &mark));
    tally.row(on, "jobs of others, over and live", OPERATORS, || operator::jobs_of_others(&account, &jids));
    tally.row(on, "functions of the master", OPERATORS, || operator::runners(&account, &names));
    tally.row(on, "keys", OPERATORS, || operator::wheel(&account));
}
