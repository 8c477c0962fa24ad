//! Certificates: made once, and anew when they end soon or something else is asked for.

use fleet_common::args;
use fleet_common::call::Arguments;
use fleet_common::value::Map;

use super::file::{File, Verdict, content, held, parted, settled};
use crate::cx::Act;
use crate::modules::x509::certificate::{Wanted, is_argument};
use crate::pki::{self, Bundle, Encoding};
use crate::states::{AnyState, Failure, Run, StateResult};

const STATE: &str = "x509.certificate_managed";

args! {
    /// Arguments of `x509.certificate_managed`.
    pub struct Certificate {
        /// The file.
        name: String,
        /// It is made anew when it lasts fewer days; 0: it is left to end.
        days_remaining: i64 = 90,
        /// Arguments of `x509.create_certificate` (without `path` and `raw`) and of `file.managed`: `user`, `group`, `mode`,
        /// `makedirs`, `backup` ...
        **more: Map,
    }
}

impl Certificate {
    fn plan(&self, wanted: &Wanted) -> Result<Verdict, Failure> {
        let Some(bytes) = held(&self.name)? else { return Ok(Verdict::missing(&self.name)) };
        let Some(bundle) = Bundle::read(&bytes, wanted.passphrase())? else {
            return Ok(Verdict::Create(Map::from_iter([("replaced", self.name.as_str())])));
        };
        let mut changes = Map::new();
        if bundle.encoding != wanted.encoding {
            changes.insert("encoding", wanted.encoding.name());
        }
        changes.extend(pki::of_certificate(&wanted.issue, &bundle.certificate, self.days_remaining)?);
        if bundle.more != wanted.more {
            changes.insert("additional_certs", true);
        }
        if wanted.encoding == bundle.encoding
            && wanted.encoding == Encoding::Pkcs12
            && bundle.friendly_name.as_deref() != wanted.friendly_name()
        {
            changes.insert("pkcs12_friendlyname", wanted.friendly_name().unwrap_or_default());
        }
        Ok(Verdict::of(changes))
    }

    fn run(&self, act: &Act, run: &Run<'_>, dry: bool) -> Result<StateResult, Failure> {
        if self.more.contains("managed_private_key") {
            let text = "declare an x509.private_key_managed, require it, and say its file as 'private_key'";
            return Err(Failure::new(format!("'managed_private_key' of {STATE} is not implemented: {text}")));
        }
        let (own, declared) = parted(&self.more, is_argument);
        let wanted = Wanted::new(act, STATE, Arguments { positional: Vec::new(), keyword: own })?;
        let verdict = self.plan(&wanted)?;
        let file = File { state: STATE, noun: "certificate", name: &self.name, declared: &declared };
        let mode = Map::from_iter([("mode", "0600")]);
        let own = if wanted.is_secret() && matches!(verdict, Verdict::Create(_)) { mode } else { Map::new() };
        file.settle(act, run, dry, verdict, own, || Ok(content(wanted.make()?, wanted.encoding.is_text())))
    }
}

impl AnyState for Certificate {
    fn turn(&self, act: &Act, run: &Run<'_>, dry: bool) -> StateResult {
        settled(self.run(act, run, dry))
    }
    fn watch(&self, _act: &Act, _changed: &[String], _dry: bool) -> Option<StateResult> {
        None
    }
}
