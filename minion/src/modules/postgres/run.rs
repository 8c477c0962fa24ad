//! Statements with an effect, and rows as the functions show them.

use fleet_common::value::Map;

use crate::cx::Act;
use crate::system::postgres::{PostgresError, Server, text};

/// Rows as a mapping of the values of one column to the others.
pub fn by_column(rows: Vec<Map>, column: &str) -> Map {
    let entry = |mut row: Map| {
        let key = text(&row, column).to_owned();
        row.remove(column);
        (key, row)
    };
    rows.into_iter().map(entry).collect()
}

/// Runs statements that change something.
pub fn change(_act: &Act, server: &Server, sql: &str) -> Result<(), PostgresError> {
    server.rows(sql).map(drop)
}
