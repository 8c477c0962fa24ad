//! Entries of PEM.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, Function};
use fleet_common::value::Map;

use super::{DOC, matching, text, write};
use crate::cx::{Act, Look, Module};
use crate::pki;

/// The functions.
pub const MODULE: Module = Module {
    name: "x509",
    doc: DOC,
    functions: &[
        Function::reads(
            "get_pem_entry",
            "One entry of a text or file of PEM: the first, or the first of a kind.",
            "x509.get_pem_entry /etc/ssl/certs/shop.pem CERTIFICATE",
            Entry::ROWS,
            |_, arguments| {
                let args = Entry::bind("x509.get_pem_entry", arguments)?;
                Ok(pki::entry(&text(&args.text)?, args.pem_type.as_deref())?.into())
            },
        ),
        Function::reads(
            "get_pem_entries",
            "The first entry of each file of PEM that fits a pattern, by path.",
            "x509.get_pem_entries '/etc/ssl/certs/shop*.pem'",
            Pattern::ROWS,
            get_pem_entries,
        ),
        Function::changes(
            "write_pem",
            "Writes an entry of PEM to a file: one that only its owner can read, if it is a key.",
            "x509.write_pem /root/shop.pem path=/etc/ssl/certs/shop.pem",
            Written::ROWS,
            write_pem,
        ),
    ],
};

args! {
    /// Arguments of `x509.get_pem_entry`.
    pub struct Entry {
        /// PEM, or its file.
        text: String,
        /// The kind: `CERTIFICATE`, `PRIVATE KEY` ...
        pem_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `x509.get_pem_entries`.
    pub struct Pattern {
        /// The pattern: a directory, and in its last part `*` and `?`.
        glob_path: String,
    }
}

args! {
    /// Arguments of `x509.write_pem`.
    pub struct Written {
        /// PEM, or its file.
        text: String,
        /// The file that is written.
        path: String,
        /// No effect: a file of PEM that is there is written anew.
        overwrite: bool = true,
        /// The kind of the entry.
        pem_type: Option<String> = None,
    }
}

fn write_pem(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Written::bind("x509.write_pem", arguments)?;
    let entry = pki::entry(&text(&args.text)?, args.pem_type.as_deref())?;
    write(&args.path, entry.as_bytes(), entry.contains("PRIVATE KEY-----"))
}

fn get_pem_entries(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Pattern::bind("x509.get_pem_entries", arguments)?;
    let mut found = Map::new();
    for shown in matching(&args.glob_path)? {
        // A file without an entry is not one of those that are asked for.
        if let Ok(entry) = text(&shown).and_then(|text| Ok(pki::entry(&text, None)?)) {
            found.insert(shown, entry);
        }
    }
    Ok(found.into())
}
