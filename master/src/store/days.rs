//! One database per UTC day of arrival: opened when first needed, dropped whole when its time is over.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use super::StoreError;
use super::jobs::JobTables;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;
/// Marks a directory that retention dropped but a crash kept from vanishing.
const GONE: &str = ".gone-";

/// A database with the handle that makes its commits survive a power cut.
pub(super) struct Database {
    pub(super) path: PathBuf,
    pub(super) db: sled::Db,
    file: File,
}

impl Database {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let db = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            // The writer thread flushes; a second flusher would only compete with it.
            .flush_every_ms(None)
            .open()
            .map_err(StoreError::engine(path))?;
        let file_path = path.join("db");
        let file = File::open(&file_path).map_err(StoreError::io(&file_path))?;
        Ok(Self { path: path.to_owned(), db, file })
    }

    /// Makes everything written so far survive a killed process, or with `durable` a power cut.
    pub(super) fn commit(&self, durable: bool) -> Result<(), StoreError> {
        self.db.flush().map_err(StoreError::engine(&self.path))?;
        if durable {
            self.file.sync_data().map_err(StoreError::io(&self.path))?;
        }
        Ok(())
    }
}

/// The jobs and returns that arrived on one day.
pub(super) struct Day {
    /// Days since 1970.
    pub(super) number: u64,
    path: PathBuf,
    tables: OnceLock<Arc<JobTables>>,
    opening: Mutex<()>,
}

impl Day {
    /// The day's tables; opens them when nobody needed them yet.
    pub(super) fn tables(&self, cache_bytes: u64) -> Result<Arc<JobTables>, StoreError> {
        if let Some(tables) = self.tables.get() {
            return Ok(tables.clone());
        }
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tables) = self.tables.get() {
            return Ok(tables.clone());
        }
        let tables = Arc::new(JobTables::open(Database::open(&self.path, cache_bytes)?)?);
        Ok(self.tables.get_or_init(|| tables).clone())
    }
}

/// All days that are kept, the newest first.
pub(super) struct Days {
    dir: PathBuf,
    cache_bytes: u64,
    days: RwLock<Vec<Arc<Day>>>,
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
            } else if let Ok(date) = name.parse::<jiff::civil::Date>() {
                days.push(Self::day(dir, number_of(date)));
            }
        }
        days.sort_by_key(|day| std::cmp::Reverse(day.number));
        Ok(Self { dir: dir.to_owned(), cache_bytes, days: RwLock::new(days) })
    }

    fn day(dir: &Path, number: u64) -> Arc<Day> {
        let path = dir.join(date_of(number).to_string());
        Arc::new(Day { number, path, tables: OnceLock::new(), opening: Mutex::new(()) })
    }

    /// The tables for what arrives at `now` (milliseconds since 1970). A clock that jumped back writes to the newest day.
    pub(super) fn today(&self, now: u64) -> Result<Arc<JobTables>, StoreError> {
        let number = now / DAY;
        let newest = self.newest().filter(|day| day.number >= number);
        let day = match newest {
            Some(day) => day,
            None => {
                let day = Self::day(&self.dir, number);
                self.days.write().unwrap_or_else(PoisonError::into_inner).insert(0, day.clone());
                day
            }
        };
        day.tables(self.cache_bytes)
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

    /// Drops days that ended more than `keep` ago, then the oldest until at most `bytes` are used. Today always stays.
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
        drop(days);
        fs::create_dir(dir.path().join(".gone-1970-01-01")).unwrap();
        let again = Days::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(again.all().len(), 1);
        assert!(!dir.path().join(".gone-1970-01-01").exists());
    }
}
