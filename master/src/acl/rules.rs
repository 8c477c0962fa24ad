//! `publisher_acl` and `publisher_acl_blacklist`: users and groups to minions, functions and arguments.

use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::rules::{CallRules, Expression};
use fleet_common::target::{Matcher, Subject};
use fleet_common::value::{Map, Value};

use super::Caller;

/// What each user may do. Root and the daemon's own account may everything but what the blacklist forbids.
#[derive(Debug, Clone, Default)]
pub struct Acl {
    grants: Vec<Grant>,
    forbidden_users: Vec<Expression>,
    forbidden_functions: Vec<Expression>,
}

/// What one user or group may do.
#[derive(Debug, Clone)]
struct Grant {
    who: Who,
    calls: Vec<Calls>,
    /// Functions on keys: `key.*`.
    wheel: Vec<Expression>,
    /// Runners: all other functions of the master itself.
    runners: Vec<Expression>,
}

#[derive(Debug, Clone)]
enum Who {
    User(Expression),
    Group(Expression),
}

/// Calls on some minions, or on all.
#[derive(Debug, Clone)]
struct Calls {
    on: Option<Matcher>,
    rules: CallRules,
}

/// What one caller may do.
#[derive(Debug, Clone)]
pub struct Rights<'a> {
    operator: bool,
    grants: Vec<&'a Grant>,
}

impl Acl {
    /// Reads both keys. Gives what deserves a warning beside: targets that believe what minions say of themselves.
    pub fn parse(
        acl: &Map,
        blacklist: &Map,
        nodegroups: &Map,
        trusted: &[String],
    ) -> Result<(Self, Vec<String>), String> {
        let mut warnings = Vec::new();
        let mut parsed = Self::default();
        for (who, entries) in acl {
            let name = who.as_str().ok_or("a user is named by a text")?;
            let grant = Grant::parse(name, entries, nodegroups, trusted, &mut warnings);
            parsed.grants.push(grant.map_err(|why| format!("{name}: {why}"))?);
        }
        for (key, names) in blacklist {
            let names = match names {
                Value::List(names) => names.as_slice(),
                one => std::slice::from_ref(one),
            };
            let names = names.iter().map(|name| Expression::name(name.as_str().ok_or("a list of texts is expected")?));
            let names: Vec<Expression> = names.collect::<Result<_, _>>()?;
            match key.as_str() {
                Some("users") => parsed.forbidden_users = names,
                Some("modules") => parsed.forbidden_functions = names,
                _ => return Err("'users' and 'modules' are expected".to_owned()),
            }
        }
        Ok((parsed, warnings))
    }

    /// What a caller may do.
    pub fn rights(&self, caller: &Caller) -> Rights<'_> {
        let operator = caller.is_operator();
        let mine = |grant: &&Grant| match &grant.who {
            Who::User(user) => user.matches(&caller.name),
            Who::Group(group) => caller.groups.iter().any(|name| group.matches(name)),
        };
        Rights { operator, grants: if operator { Vec::new() } else { self.grants.iter().filter(mine).collect() } }
    }

    /// True for users and functions that the blacklist names: nobody may publish these, the operator neither.
    pub fn forbids(&self, caller: &Caller, function: &str) -> bool {
        self.forbidden_users.iter().any(|user| user.matches(&caller.name))
            || self.forbidden_functions.iter().any(|name| name.matches(function))
    }
}

impl Grant {
    fn parse(
        name: &str,
        entries: &Value,
        nodegroups: &Map,
        trusted: &[String],
        warnings: &mut Vec<String>,
    ) -> Result<Self, String> {
        // Both forms of the reference's configurations and of sudoers: 'admins%' and '%admins'.
        let who = match name.strip_suffix('%').or_else(|| name.strip_prefix('%')) {
            Some(group) => Who::Group(Expression::name(group)?),
            None => Who::User(Expression::name(name)?),
        };
        let mut grant = Self { who, calls: Vec::new(), wheel: Vec::new(), runners: Vec::new() };
        let mut anywhere = CallRules::default();
        let entries = match entries {
            Value::List(entries) => entries.as_slice(),
            one => std::slice::from_ref(one),
        };
        for entry in entries {
            match entry {
                Value::Str(name) if name.starts_with('@') => grant.add_own(name, None)?,
                Value::Map(map) => {
                    for (on, allowed) in map {
                        let on = on.as_str().ok_or("a target is a text")?;
                        if on.starts_with('@') {
                            grant.add_own(on, Some(allowed))?;
                            continue;
                        }
                        let on = target(on, nodegroups, trusted, warnings)?;
                        grant.calls.push(Calls { on: Some(on), rules: CallRules::parse(allowed)? });
                    }
                }
                function => anywhere.add(function, None)?,
            }
        }
        if !anywhere.is_empty() {
            grant.calls.push(Calls { on: None, rules: anywhere });
        }
        Ok(grant)
    }

    /// `@wheel`, `@runner`, `@jobs`: functions of the master. Without a list: all of that kind.
    fn add_own(&mut self, kind: &str, allowed: Option<&Value>) -> Result<(), String> {
        let (all, kept) = match kind {
            "@wheel" => ("key.", &mut self.wheel),
            "@runner" => ("", &mut self.runners),
            "@jobs" => ("jobs.", &mut self.runners),
            _ => return Err(format!("'{kind}' is none of @wheel, @runner, @jobs")),
        };
        let names = match allowed {
            None => {
                kept.push(Expression::Glob(format!("{all}*")));
                return Ok(());
            }
            Some(Value::List(names)) => names.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        for name in names {
            let name = name.as_str().ok_or_else(|| format!("{kind}: a list of functions is expected"))?;
            if !name.starts_with(all) {
                return Err(format!("{kind}: '{name}' does not begin with '{all}'"));
            }
            kept.push(Expression::name(name)?);
        }
        Ok(())
    }
}

/// The minions a rule is about: a compound expression, as in the reference.
fn target(on: &str, nodegroups: &Map, trusted: &[String], warnings: &mut Vec<String>) -> Result<Matcher, String> {
    let target = Target::new(TargetKind::Compound, on);
    let matcher = Matcher::parse(&target, nodegroups).map_err(|fault| format!("{on}: {fault}"))?;
    if let Some(fault) = matcher.warnings().first() {
        return Err(format!("{on}: {fault}"));
    }
    if matcher.needs_pillar() {
        return Err(format!("{on}: a rule cannot ask for pillar; name the minions or a nodegroup"));
    }
    let untrusted = matcher.untrusted_grains(trusted);
    if !untrusted.is_empty() {
        warnings.push(format!(
            "'{on}' goes by grains ({}), which every minion claims for itself: name the minions, or list them in trusted_grains",
            untrusted.join(", ")
        ));
    }
    Ok(matcher)
}

impl Rights<'_> {
    /// May do anything at all.
    pub fn any(&self) -> bool {
        self.operator || !self.grants.is_empty()
    }

    /// Rules bound this caller: its publications carry the minions they were allowed for.
    pub fn is_restricted(&self) -> bool {
        !self.operator
    }

    /// May make this call on some minion, perhaps.
    pub fn may_call(&self, function: &str, arg: &[Value], kwarg: &Map) -> bool {
        self.operator || self.calls().any(|calls| calls.rules.allow(function, arg, kwarg))
    }

    /// May make this call on this minion.
    pub fn may_call_on(&self, minion: &dyn Subject, function: &str, arg: &[Value], kwarg: &Map) -> bool {
        self.operator
            || self.calls().any(|calls| {
                calls.on.as_ref().is_none_or(|on| on.matches(minion)) && calls.rules.allow(function, arg, kwarg)
            })
    }

    /// True if the answer depends on what a minion says of itself.
    pub fn needs_grains(&self) -> bool {
        self.calls().any(|calls| calls.on.as_ref().is_some_and(Matcher::needs_grains))
    }

    /// May use a function of the master itself, such as `key.accept` or `manage.status`.
    pub fn may_use(&self, function: &str) -> bool {
        let names = |grant: &&Grant| {
            let names = if function.starts_with("key.") { &grant.wheel } else { &grant.runners };
            names.iter().any(|name| name.matches(function))
        };
        self.operator || self.grants.iter().any(names)
    }

    fn calls(&self) -> impl Iterator<Item = &Calls> {
        self.grants.iter().flat_map(|grant| &grant.calls)
    }
}

#[cfg(test)]
mod tests {
    use fleet_common::yaml;

    use super::*;

    struct Named(&'static str);
    impl Subject for Named {
        fn id(&self) -> &str {
            self.0
        }
        fn grains(&self, _: Option<&[Value]>) -> Option<std::borrow::Cow<'_, Map>> {
            None
        }
        fn pillar(&self) -> Option<&Map> {
            None
        }
    }

    fn map(text: &str) -> Map {
        yaml::load(text, "acl").unwrap().value.as_map().cloned().unwrap_or_default()
    }

    fn acl(text: &str) -> Acl {
        let groups = map("front: 'L@web1,web2'");
        Acl::parse(&map(text), &Map::new(), &groups, &[]).unwrap().0
    }

    fn user(name: &str, groups: &[&str]) -> Caller {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Caller { uid: 4_000_000, name: name.to_owned(), groups, pid: 1 }
    }

    fn may(acl: &Acl, who: &Caller, minion: &'static str, function: &str, arg: &str) -> bool {
        acl.rights(who).may_call_on(&Named(minion), function, &[Value::from(arg)], &Map::new())
    }

    #[test]
    fn nobody_may_anything_unless_a_rule_says_so() {
        let acl = acl(
            "larry:\n  - test.*\n  - 'web* and not web9':\n    - cmd.run: {args: [uptime]}\n'%ops':\n  N@front: [pkg.*]",
        );
        let (larry, ops, mallory) = (user("larry", &[]), user("moe", &["ops"]), user("mallory", &["larry", "opsx"]));
        assert!(!acl.rights(&mallory).any() && !may(&acl, &mallory, "web1", "test.ping", ""));
        assert!(may(&acl, &larry, "db1", "test.ping", ""));
        assert!(may(&acl, &larry, "web1", "cmd.run", "uptime"));
        for (minion, argument) in [("db1", "uptime"), ("web9", "uptime"), ("web1", "uptime -p"), ("web1", "id")] {
            assert!(!may(&acl, &larry, minion, "cmd.run", argument), "{minion} {argument}");
        }
        assert!(may(&acl, &ops, "web2", "pkg.install", "x") && !may(&acl, &ops, "web3", "pkg.install", "x"));
        assert!(acl.rights(&larry).is_restricted() && !acl.rights(&larry).may_use("key.accept"));
    }

    #[test]
    fn functions_of_the_master_are_granted_by_name() {
        let acl = acl("keys: ['@wheel']\nreader:\n  - '@wheel': [key.list_all]\n  - '@jobs'");
        assert!(acl.rights(&user("keys", &[])).may_use("key.accept"));
        let reader = user("reader", &[]);
        let reader = acl.rights(&reader);
        assert!(reader.may_use("key.list_all") && reader.may_use("jobs.lookup_jid"));
        assert!(!reader.may_use("key.accept") && !reader.may_use("manage.status"));
        assert!(!reader.may_call("key.accept", &[], &Map::new()));
    }

    #[test]
    fn the_blacklist_binds_everybody() {
        let (acl, _) =
            Acl::parse(&Map::new(), &map("users: [moe, '^(?!sudo_).*x$']\nmodules: [cmd.*]"), &Map::new(), &[])
                .unwrap();
        let root = Caller { uid: 0, name: "root".to_owned(), groups: Vec::new(), pid: 1 };
        assert!(acl.forbids(&root, "cmd.run") && !acl.forbids(&root, "test.ping"));
        assert!(acl.forbids(&user("moe", &[]), "test.ping") && acl.forbids(&user("maxx", &[]), "test.ping"));
        assert!(!acl.forbids(&user("sudo_x", &[]), "test.ping"));
    }

    #[test]
    fn rules_that_mean_nothing_or_trust_too_much_are_told() {
        let none = Map::new();
        for bad in [
            "larry: [5]",
            "larry: ['@root']",
            "larry: [{'@jobs': [key.*]}]",
            "larry: [{'I@a:b': [test.*]}]",
            "larry: [{'N@nobody': [test.*]}]",
            "larry: [{'web* and': [test.*]}]",
            "5: [test.*]",
        ] {
            assert!(Acl::parse(&map(bad), &none, &none, &[]).is_err(), "{bad}");
        }
        let grains = map("larry: [{'G@role:web': [test.*]}]");
        assert_eq!(Acl::parse(&grains, &none, &none, &[]).unwrap().1.len(), 1);
        assert!(Acl::parse(&grains, &none, &none, &["role".to_owned()]).unwrap().1.is_empty());
    }
}
