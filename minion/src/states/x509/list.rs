//! Lists of revoked certificates: made once, and anew when the next is due or something else is asked for.

use fleet_common::args;
use fleet_common::call::Arguments;
use fleet_common::value::{Map, Value};

use super::file::{File, Verdict, content, held, parted, settled};
use crate::cx::Act;
use crate::modules::x509::lists::{Wanted, is_argument};
use crate::pki::{self, Encoding};
use crate::states::{AnyState, Failure, Run, StateResult};

const STATE: &str = "x509.crl_managed";

args! {
    /// Arguments of `x509.crl_managed`.
    pub struct List {
        /// The file.
        name: String,
        /// It is made anew when the next is due in fewer days; 0: only when something else is asked for.
        days_remaining: i64 = 30,
        /// Arguments of `x509.create_crl` (without `path` and `raw`) and of `file.managed`: `user`, `group`, `mode`,
        /// `makedirs`, `backup` ...
        **more: Map,
    }
}

impl List {
    fn plan(&self, wanted: &Wanted, before: Option<&pki::List>, encoding: Encoding) -> Result<Verdict, Failure> {
        let Some(before) = before else { return Ok(Verdict::missing(&self.name)) };
        let mut changes = pki::of_list(&wanted.crl, before, self.days_remaining)?;
        if encoding != wanted.encoding {
            changes.insert("encoding", wanted.encoding.name());
        }
        Ok(Verdict::of(changes))
    }

    fn run(&self, act: &Act, run: &Run<'_>, dry: bool) -> Result<StateResult, Failure> {
        let (mut own, declared) = parted(&self.more, is_argument);
        let bytes = held(&self.name)?;
        let before = bytes.as_deref().map(pki::List::of_bytes).transpose()?;
        // The number that goes up by itself is no difference; a new list gets the next.
        let said = own.get_mut("extensions").and_then(Value::as_map_mut);
        let auto = said.and_then(|said| said.get_mut("cRLNumber")).filter(|number| number.as_str() == Some("auto"));
        let next = before.as_ref().and_then(pki::List::number).map_or(1, |number| number.saturating_add(1));
        let is_auto = auto.map(|number| *number = (next - 1).max(1).into()).is_some();
        let mut wanted = Wanted::new(STATE, Arguments { positional: Vec::new(), keyword: own })?;
        let encoding = bytes.as_deref().map_or(wanted.encoding, Encoding::of);
        let verdict = self.plan(&wanted, before.as_ref(), encoding)?;
        if is_auto {
            wanted.crl.said.insert("cRLNumber", next);
        }
        let noun = "certificate revocation list";
        let file = File { state: STATE, noun, name: &self.name, declared: &declared };
        file.settle(act, run, dry, verdict, Map::new(), || {
            Ok(content(wanted.make(before.as_ref())?, wanted.encoding.is_text()))
        })
    }
}

impl AnyState for List {
    fn turn(&self, act: &Act, run: &Run<'_>, dry: bool) -> StateResult {
        settled(self.run(act, run, dry))
    }
    fn watch(&self, _act: &Act, _changed: &[String], _dry: bool) -> Option<StateResult> {
        None
    }
}
