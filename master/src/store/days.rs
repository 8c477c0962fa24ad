//! One database per UTC day of arrival, or several when much arrives: opened when first needed, dropped whole when its
//! time is over.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::StoreError;
use super::database::Database;
use super::jobs::JobTables;
use super::refused::Refused;
use super::slot::Slot;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;
/// Marks a directory that retention dropped but a crash kept from vanishing.
const GONE: &str = ".gone-";
/// The file of refused jobs.
const REFUSED: &str = ".refused";
/// Of the bytes that may be used, the share of one part of a day: that much goes at once.
const SHARE: u64 = 4;
/// Smallest part of a day in bytes: an empty database has its size, too.
const LEAST: u64 = 4 << 20;

/// The jobs and returns that arrived on one day, or in one part of it.
pub(super) struct Day {
    /// Days since 1970.
    pub(super) number: u64,
    /// Which part of the day, from 0.
    part: u32,
    path: PathBuf,
    tables: Slot<JobTables>,
}

impl Day {
    /// The day's tables; opens them when nobody needed them yet.
    pub(super) fn tables(&self, cache_bytes: u64) -> Result<Arc<JobTables>, StoreError> {
        self.tables.get(|| JobTables::open(Database::open(&self.path, cache_bytes)?))
    }
}

/// All days that are kept, the newest first.
pub(super) struct Days {
    dir: PathBuf,
    cache_bytes: u64,
    days: RwLock<Vec<Arc<Day>>>,
    /// Jobs that are not, although they may be found.
    pub(super) refused: Refused,
}

impl Days {
    /// Finds the days below `dir` and finishes drops that were cut short.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
        let mut days = Vec::new();
        for entry in fs::read_dir(dir).map_err(StoreError::io(dir))? {
            let entry = entry.map_err(StoreError::io(dir))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(GONE) {
                fs::remove_dir_all(entry.path()).map_err(StoreError::io(&entry.path()))?;
            } else if let Some((number, part)) = day_and_part(&name) {
                days.push(Self::day(dir, number, part));
            }
        }
        days.sort_by_key(|day| std::cmp::Reverse((day.number, day.part)));
        let refused = Refused::open(&dir.join(REFUSED))?;
        Ok(Self { dir: dir.to_owned(), cache_bytes, days: RwLock::new(days), refused })
    }

    fn day(dir: &Path, number: u64, part: u32) -> Arc<Day> {
        let date = date_of(number);
        let name = if part == 0 { date.to_string() } else { format!("{date}.{part}") };
        Arc::new(Day { number, part, path: dir.join(name), tables: Slot::default() })
    }

    /// The tables for what arrives at `now` (milliseconds since 1970). A clock that jumped back writes to the newest day.
    pub(super) fn today(&self, now: u64) -> Result<Arc<JobTables>, StoreError> {
        let number = now / DAY;
        let newest = self.newest().filter(|day| day.number >= number);
        let day = match newest {
            Some(day) => day,
            None => {
                let day = Self::day(&self.dir, number, 0);
                self.days.write().unwrap_or_else(PoisonError::into_inner).insert(0, day.clone());
                day
            }
        };
        day.tables(self.cache_bytes)
    }

    /// Begins another part of the day when the newest has grown to its share of `bytes`. Tells whether it did.
    pub(super) fn divide(&self, bytes: u64) -> Result<bool, StoreError> {
        let Some(newest) = self.newest() else { return Ok(false) };
        if size_of(&newest.path) < (bytes / SHARE).max(LEAST) {
            return Ok(false);
        }
        let next = Self::day(&self.dir, newest.number, newest.part + 1);
        next.tables(self.cache_bytes)?;
        // Little is written to the part behind from now on.
        newest.tables(self.cache_bytes)?.database.settle()?;
        self.days.write().unwrap_or_else(PoisonError::into_inner).insert(0, next);
        Ok(true)
    }

    /// Closes tables whose disk failed; they are opened again by whoever needs them next.
    pub(super) fn close(&self, tables: Arc<JobTables>) {
        let days = self.days.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(day) = days.iter().find(|day| day.path == tables.database.path) {
            day.tables.close(tables);
        }
    }

    fn newest(&self) -> Option<Arc<Day>> {
        self.days.read().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    /// All days' tables, the newest first.
    pub(super) fn all(&self) -> Vec<Result<Arc<JobTables>, StoreError>> {
        let days: Vec<_> = self.days.read().unwrap_or_else(PoisonError::into_inner).clone();
        // Older days are read rarely: a small cache will do.
        days.iter().map(|day| day.tables(self.cache_bytes / 4)).collect()
    }

    /// Drops days that ended more than `keep` ago, then the oldest parts until at most `bytes` are used. The newest part
    /// always stays.
    pub(super) fn retain(&self, now: u64, keep: Duration, bytes: u64) -> Result<usize, StoreError> {
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let mut gone = Vec::new();
        {
            let mut days = self.days.write().unwrap_or_else(PoisonError::into_inner);
            let mut used = 0u64;
            let mut index = 0;
            days.retain(|day| {
                used = used.saturating_add(size_of(&day.path));
                let over = (day.number + 1) * DAY < now.saturating_sub(keep) || used > bytes;
                let stays = index == 0 || !over;
                index += 1;
                if !stays {
                    gone.push(day.path.clone());
                }
                stays
            });
        }
        for path in &gone {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let aside = self.dir.join(format!("{GONE}{name}"));
            fs::rename(path, &aside).map_err(StoreError::io(path))?;
            fs::remove_dir_all(&aside).map_err(StoreError::io(&aside))?;
        }
        Ok(gone.len())
    }
}

/// What a directory's name says: `2026-11-20`, or `2026-11-20.1` for a further part of that day.
fn day_and_part(name: &str) -> Option<(u64, u32)> {
    let (date, part) = name.split_once('.').map_or((name, Some(0)), |(date, part)| (date, part.parse().ok()));
    Some((number_of(date.parse().ok()?), part?))
}

fn date_of(day: u64) -> jiff::civil::Date {
    let days = i64::try_from(day).unwrap_or(0);
    let span = jiff::Span::new().try_days(days).unwrap_or_default();
    jiff::civil::date(1970, 1, 1).checked_add(span).unwrap_or(jiff::civil::Date::MAX)
}

fn number_of(date: jiff::civil::Date) -> u64 {
    let since = date.since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1)));
    since.ok().and_then(|span| u64::try_from(span.get_days()).ok()).unwrap_or(0)
}

/// Bytes of the files in a database directory; what cannot be read counts nothing.
fn size_of(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok().map(|meta| (entry, meta)))
        .map(|(entry, meta)| if meta.is_dir() { size_of(&entry.path()) } else { meta.len() })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for day in [0, 1, 365, 11016, 20777] {
            assert_eq!(number_of(date_of(day)), day);
        }
        assert_eq!(date_of(20777).to_string(), "2026-11-20");
        assert_eq!(day_and_part("2026-11-20.12"), Some((20777, 12)));
        assert_eq!(day_and_part("2026-11-20"), Some((20777, 0)));
        assert_eq!(day_and_part("2026-11-20.x"), None);
    }

    #[test]
    fn retention_drops_whole_days_but_never_today() {
        let dir = tempfile::tempdir().unwrap();
        let days = Days::open(dir.path(), 1 << 20).unwrap();
        for number in [100, 101, 103] {
            days.today(number * DAY).unwrap();
        }
        assert_eq!(days.retain(103 * DAY + 1, Duration::from_secs(86400), u64::MAX).unwrap(), 2);
        assert_eq!(days.all().len(), 1);
        assert_eq!(days.retain(200 * DAY, Duration::ZERO, 0).unwrap(), 0);
        // A day that grows is continued in another part, and its space given back part by part.
        assert!(!days.divide(u64::MAX).unwrap());
        fs::write(days.newest().unwrap().path.join("filler"), vec![0; 5 << 20]).unwrap();
        assert!(days.divide(16 << 20).unwrap());
        assert!(!days.divide(16 << 20).unwrap());
        assert_eq!(days.all().len(), 2);
        assert!(dir.path().join("1970-04-14.1").exists());
        assert_eq!(days.retain(103 * DAY, Duration::from_secs(86400), 16 << 20).unwrap(), 0);
        assert_eq!(days.retain(103 * DAY, Duration::from_secs(86400), 5 << 20).unwrap(), 1);
        assert!(!dir.path().join("1970-04-14").exists());
        drop(days);
        fs::create_dir(dir.path().join(".gone-1970-01-01")).unwrap();
        let again = Days::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(again.all().len(), 1);
        assert!(!dir.path().join(".gone-1970-01-01").exists());
    }
}
