//! Strangers who want in without an operator: tokens that are guessed, used, too old or for others; claimed grains.

use std::path::Path;

use fleet_common::proto::request::{Enrolment, KeyState};
use fleet_common::value::{Map, Value};

use super::minion::stranger;
use super::tally::Tried;
use crate::harness::Fleet;

/// Lines of a master's configuration with files of ids and grains in a directory.
pub fn settings(dir: &Path) -> String {
    format!(
        "autosign_file: {0}/ids\nautosign_grains_dir: {0}/grains\nmax_pending_keys: 1000\n",
        dir.join("autosign").display()
    )
}

/// The file of ids, which others can write and which names everybody; and one grain with one value.
pub fn lay_out(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let place = dir.join("autosign");
    std::fs::create_dir_all(place.join("grains"))?;
    std::fs::write(place.join("ids"), "*\n")?;
    std::fs::set_permissions(place.join("ids"), std::fs::Permissions::from_mode(0o666))?;
    std::fs::write(place.join("grains/serial"), "A-17\n")?;
    std::fs::write(place.join("outside"), "anything\n")
}

async fn knock(fleet: &Fleet, tried: &mut Tried, who: &str, enrolment: Enrolment) {
    let id = format!("{who}{}", tried.attempts);
    let shown = format!("{id}: token {:?}, grains {:?}", enrolment.token, enrolment.grains);
    let state = stranger(fleet, &id, enrolment).await;
    tried.add((state == Some(KeyState::Accepted)).then_some(shown));
}

fn token(text: &str) -> Enrolment {
    Enrolment { token: Some(text.to_owned()), grains: Map::new() }
}

/// The token of a join string that `keyctl` makes with these arguments.
pub fn a_token(fleet: &Fleet, args: &[&str]) -> String {
    let made = fleet.key(&[&["--gen-token"], args, &["--master-address", "127.0.0.1"]].concat());
    made.stdout.trim().rsplit(',').next().unwrap_or_default().to_owned()
}

/// Tokens that are good for somebody else, or once were, or never; `guesses` of them at random.
pub async fn tokens(fleet: &Fleet, guesses: u32) -> Tried {
    let mut tried = Tried::default();
    let [others, old, used] = [&["db*"][..], &["*", "--token-life", "0"], &["first"]].map(|args| a_token(fleet, args));
    let first = stranger(fleet, "first", token(&used)).await;
    let mut tried_first = None;
    if first != Some(KeyState::Accepted) {
        tried_first = Some(format!("a good token let nobody in: {first:?}: the attack shows nothing"));
    }
    let cut = &others[..others.len() - 1];
    let longer = format!("{others}a");
    for text in [&others, &old, &used, cut, &longer, "", "*", "\n", "../enrolment_tokens", &"x".repeat(128)] {
        knock(fleet, &mut tried, "guesser", token(text)).await;
    }
    for guess in 0..guesses {
        knock(fleet, &mut tried, "guesser", token(&format!("{guess:064x}"))).await;
    }
    tried.but(tried_first)
}

/// Grains under names and with values that a folder of files might mistake for its own, and the file of ids that others
/// can write.
pub async fn claims(fleet: &Fleet) -> Tried {
    let mut tried = Tried::default();
    let list = Value::List(vec!["A-17".into()]);
    let nested = Value::Map([("serial", Value::from("A-17"))].into_iter().collect());
    for (name, value) in [
        ("serial", "A-18".into()),
        ("serial", "A-17\n".into()),
        ("serial", " A-17".into()),
        ("serial", "*".into()),
        ("serial", "".into()),
        ("serial", list),
        ("serial", nested),
        ("serial", Value::Null),
        ("SERIAL", "A-17".into()),
        ("../outside", "anything".into()),
        ("../ids", "*".into()),
        ("grains/serial", "A-17".into()),
        ("", "A-17".into()),
        (".", "A-17".into()),
    ] {
        let grains = [(name, value)].into_iter().collect();
        knock(fleet, &mut tried, "claimer", Enrolment { token: None, grains }).await;
    }
    tried
}
