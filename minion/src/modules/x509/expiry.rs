//! When certificates end.

use fleet_common::args;
use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

use super::{DOC, text};
use crate::cx::Module;
use crate::pki;
use crate::system::openssl;

const DAY: i64 = 86_400;

/// The functions.
pub const MODULE: Module = Module {
    name: "x509",
    doc: DOC,
    functions: &[
        Function::reads(
            "expired",
            "Whether a certificate has ended: `path`, `cn`, `expired`.",
            "x509.expired /etc/ssl/certs/shop.pem",
            Certificate::ROWS,
            |_, arguments| {
                let args = Certificate::bind("x509.expired", arguments)?;
                let text = text(&args.certificate)?;
                let mut answer = subject(&args.certificate, &text)?;
                answer.insert("expired", openssl::ends_within(text.as_bytes(), 0)?);
                Ok(answer.into())
            },
        ),
        Function::reads(
            "will_expire",
            "Whether a certificate ends within so many days: `path`, `cn`, `check_days`, `will_expire`.",
            "x509.will_expire /etc/ssl/certs/shop.pem 30",
            Within::ROWS,
            |_, arguments| {
                let args = Within::bind("x509.will_expire", arguments)?;
                let text = text(&args.certificate)?;
                let mut answer = Map::from_iter([("check_days", args.days)]);
                answer.extend(subject(&args.certificate, &text)?);
                let seconds = args.days.saturating_mul(DAY);
                answer.insert("will_expire", openssl::ends_within(text.as_bytes(), seconds)?);
                Ok(answer.into())
            },
        ),
        Function::reads(
            "expires",
            "True if a certificate ends within so many days.",
            "x509.expires /etc/ssl/certs/shop.pem 30",
            Ends::ROWS,
            |_, arguments| {
                let args = Ends::bind("x509.expires", arguments)?;
                let text = text(&args.certificate)?;
                Ok(openssl::ends_within(text.as_bytes(), args.days.saturating_mul(DAY))?.into())
            },
        ),
    ],
};

args! {
    /// A certificate.
    pub struct Certificate {
        /// PEM, or its file.
        certificate: String,
    }
}

args! {
    /// Arguments of `x509.will_expire`.
    pub struct Within {
        /// PEM, or its file.
        certificate: String,
        /// Days from now.
        days: i64,
    }
}

args! {
    /// Arguments of `x509.expires`.
    pub struct Ends {
        /// PEM, or its file.
        certificate: String,
        /// Days from now.
        days: i64 = 0,
    }
}

fn subject(given: &str, text: &str) -> Result<Map, CallError> {
    let path = if given.contains("-----BEGIN ") { Value::Null } else { given.into() };
    Ok(Map::from_iter([("path", path), ("cn", pki::Certificate::load(text)?.common_name().into())]))
}
