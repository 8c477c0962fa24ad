//! Requests for certificates: made once, and anew when something else is asked for.

use fleet_common::args;
use fleet_common::call::Arguments;
use fleet_common::value::Map;

use super::file::{File, Verdict, content, held, parted, settled};
use crate::cx::Act;
use crate::modules::x509::requests::{Wanted, is_argument};
use crate::pki::{self, Encoding};
use crate::states::{AnyState, Failure, Run, StateResult};

const STATE: &str = "x509.csr_managed";

args! {
    /// Arguments of `x509.csr_managed`.
    pub struct Request {
        /// The file.
        name: String,
        /// Arguments of `x509.create_csr` (without `path` and `raw`) and of `file.managed`: `user`, `group`, `mode`,
        /// `makedirs`, `backup` ...
        **more: Map,
    }
}

impl Request {
    fn plan(&self, wanted: &Wanted) -> Result<Verdict, Failure> {
        let Some(bytes) = held(&self.name)? else { return Ok(Verdict::missing(&self.name)) };
        let mut changes = pki::of_request(&wanted.ask, &pki::Request::of_bytes(&bytes)?)?;
        if Encoding::of(&bytes) != wanted.encoding {
            changes.insert("encoding", wanted.encoding.name());
        }
        Ok(Verdict::of(changes))
    }

    fn run(&self, act: &Act, run: &Run<'_>, dry: bool) -> Result<StateResult, Failure> {
        let (own, declared) = parted(&self.more, is_argument);
        let wanted = Wanted::new(STATE, Arguments { positional: Vec::new(), keyword: own })?;
        let verdict = self.plan(&wanted)?;
        let noun = "certificate signing request";
        let file = File { state: STATE, noun, name: &self.name, declared: &declared };
        file.settle(act, run, dry, verdict, Map::new(), || Ok(content(wanted.make()?, wanted.encoding.is_text())))
    }
}

impl AnyState for Request {
    fn turn(&self, act: &Act, run: &Run<'_>, dry: bool) -> StateResult {
        settled(self.run(act, run, dry))
    }
    fn watch(&self, _act: &Act, _changed: &[String], _dry: bool) -> Option<StateResult> {
        None
    }
}
