//! Arguments of the functions of `nftables.*`.

use fleet_common::args;
use fleet_common::value::{Map, Value};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A family only.
    pub struct Only {
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `nftables.build_rule`.
    pub struct Build {
        /// The table.
        table: Option<String> = None,
        /// The chain.
        chain: Option<String> = None,
        /// What is done with the rule: `add`, `append`, `insert`, `delete`.
        command: Option<String> = None,
        /// The handle of the rule it comes before, or that is removed.
        position: Value = Value::Null,
        /// The whole order instead of the rule.
        full: bool = false,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
        /// Options of the rule by name: `proto`, `dport`, `connstate`, `source`, `jump`, ...
        **options: Map,
    }
}

args! {
    /// Rules that are kept.
    pub struct Saved {
        /// The file, if it is not `/etc/nftables`.
        conf_file: Option<String> = None,
    }
}

args! {
    /// Arguments of `nftables.save`.
    pub struct Save {
        /// The file, if it is not `/etc/nftables`.
        filename: Option<String> = None,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// A table.
    pub struct OfTable {
        /// The table.
        table: String,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// A chain.
    pub struct OfChain {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `nftables.new_chain`.
    pub struct NewChain {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// `filter`, `nat` or `route`.
        table_type: Option<String> = None,
        /// `input`, `output`, `forward`, ...
        hook: Option<String> = None,
        /// A number, or a name.
        priority: Option<String> = None,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// A rule in a chain.
    pub struct InChain {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// The rule in the words of the program.
        rule: String,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `nftables.insert`.
    pub struct Insert {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// The handle of the rule that it comes before; else before all.
        position: Option<i64> = None,
        /// The rule in the words of the program.
        rule: String,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `nftables.delete`.
    pub struct Delete {
        /// The table.
        table: String,
        /// The chain.
        chain: String,
        /// Its handle.
        position: Option<i64> = None,
        /// The rule in the words of the program.
        rule: Option<String> = None,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `nftables.flush`.
    pub struct Flush {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain; else all chains.
        chain: String = String::new(),
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `nftables.set_policy`.
    pub struct Policy {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// `accept` or `drop`.
        policy: String,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}
