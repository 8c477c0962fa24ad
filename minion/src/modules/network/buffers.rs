//! Buffers of links, through `ethtool`.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::modules::tool;

/// Names of the buffers as `ethtool -g` shows them and `-G` takes them.
const KINDS: [(&str, &str); 4] = [("RX", "rx"), ("RX Mini", "rx-mini"), ("RX Jumbo", "rx-jumbo"), ("TX", "tx")];

/// This part of the module.
pub const MODULE: Module = Module {
    name: "network",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "get_bufsize",
            "Sizes of a link's buffers and the largest they can have.",
            "network.get_bufsize eth0",
            Link::ROWS,
            |_: &Look, arguments| Ok(sizes(&Link::bind("network.get_bufsize", arguments)?.iface)?.into()),
        ),
        Function::changes(
            "mod_bufsize",
            "Sets sizes of a link's buffers.",
            "network.mod_bufsize eth0 rx=512 tx=512",
            Sizes::ROWS,
            set,
        ),
    ],
};

args! {
    /// A link.
    pub struct Link {
        /// Its name.
        iface: String,
    }
}

args! {
    /// Arguments of `network.mod_bufsize`.
    pub struct Sizes {
        /// The link.
        iface: String,
        /// Sizes by buffer: `rx`, `tx`, `rx-mini`, `rx-jumbo`.
        **sizes: Map,
    }
}

fn name(iface: &str) -> Result<&str, CallError> {
    if iface.is_empty() || iface.starts_with('-') {
        return Err(CallError::Invocation(format!("{iface:?} cannot be the name of a link")));
    }
    Ok(iface)
}

fn sizes(iface: &str) -> Result<Map, CallError> {
    Ok(parse(&tool::output(&["ethtool", "-g", name(iface)?])?))
}

/// The largest sizes stand above the sizes that are set; a link lacks those that are no number.
fn parse(text: &str) -> Map {
    let (most, now) = text.split_once("Current hardware settings:").unwrap_or((text, ""));
    let mut map = Map::from_iter([("result", true)]);
    for (part, end) in [(most, "-max"), (now, "")] {
        for line in part.lines() {
            let Some((name, size)) = line.split_once(':') else { continue };
            let kind = KINDS.iter().find(|(shown, _)| *shown == name).map(|(_, kind)| *kind);
            if let (Some(kind), Ok(size)) = (kind, size.trim().parse::<i64>()) {
                map.insert(format!("{kind}{end}"), size);
            }
        }
    }
    map
}

fn set(_: &Act, arguments: Arguments) -> CallResult {
    let Sizes { iface, sizes: asked } = Sizes::bind("network.mod_bufsize", arguments)?;
    let mut words = vec!["ethtool".to_owned(), "-G".to_owned(), name(&iface)?.to_owned()];
    for (kind, size) in &asked {
        let kind = str_(kind);
        if !KINDS.iter().any(|(_, known)| *known == kind) {
            let known = KINDS.map(|(_, known)| known).join(", ");
            return Err(CallError::Invocation(format!("there is no buffer '{kind}': {known}")));
        }
        match size {
            Value::Int(size @ 0..=0x7fff_ffff) => words.extend([kind, size.to_string()]),
            other => return Err(CallError::Invocation(format!("{kind} is a number, not {}", str_(other)))),
        }
    }
    if asked.is_empty() {
        return Err(CallError::Invocation("a size is needed, such as rx=512".to_owned()));
    }
    tool::output(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(sizes(&iface)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let text = "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t\t1024\n\
                    Current hardware settings:\nRX:\t\t512\nRX Mini:\tn/a\nTX:\t\t256\nTX Push:\toff\n";
        let read = parse(text);
        let number = |name: &str| read.get(name).cloned();
        assert_eq!((number("rx-max"), number("tx-max")), (Some(4096.into()), Some(1024.into())));
        assert_eq!((number("rx"), number("tx"), number("rx-mini")), (Some(512.into()), Some(256.into()), None));
    }
}
