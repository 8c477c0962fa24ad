//! Times as trees write them (`2026-01-31 12:00:00`, in UTC) and as X.509 holds them.

use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use x509_cert::der::DateTime;
use x509_cert::der::asn1::{GeneralizedTime, UtcTime};
use x509_cert::time::Time;

use super::{PkiError, PkiResult};

const FORM: &str = "%Y-%m-%d %H:%M:%S";

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// A time of a tree, as seconds since 1970.
pub(super) fn parse(text: &str) -> PkiResult<i64> {
    let at = civil::DateTime::strptime(FORM, text).or_else(|_| text.parse());
    let seconds = at.and_then(|at| at.to_zoned(TimeZone::UTC)).map(|at| at.timestamp().as_second());
    seconds.map_err(|_| PkiError::Nonsense(format!("'{text}' is no time: write it as 2026-01-31 12:00:00, in UTC")))
}

/// Seconds since 1970 as X.509 holds them: with two digits for the year until 2049.
pub(super) fn held(seconds: i64) -> PkiResult<Time> {
    let after = u64::try_from(seconds).ok().and_then(|seconds| {
        let at = DateTime::from_unix_duration(Duration::from_secs(seconds)).ok()?;
        let short = UtcTime::from_date_time(at).map(Time::UtcTime);
        Some(short.unwrap_or_else(|_| Time::GeneralTime(GeneralizedTime::from_date_time(at))))
    });
    after.ok_or_else(|| PkiError::Nonsense("a time before 1970 or after 9999 is of no use in a certificate".to_owned()))
}

/// Seconds since 1970 of a held time.
pub(super) fn seconds(time: Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

/// A held time as trees write it.
pub(super) fn shown(time: Time) -> String {
    let at = jiff::Timestamp::from_second(seconds(time)).map(|at| at.to_zoned(TimeZone::UTC));
    at.map(|at| at.strftime(FORM).to_string()).unwrap_or_default()
}

/// Now, as seconds since 1970.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
