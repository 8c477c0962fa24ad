//! `file.decode`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fleet_common::args;
use fleet_common::call::Facts;
use fleet_common::digest::hex_of_bytes;
use fleet_common::value::Value;
use fleet_common::value::path::traverse;

use super::text::named;
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::{WriteOptions, read_bounded, write_atomic};

args! {
    /// Arguments of `file.decode`.
    pub struct Decode {
        /// The file.
        name: String,
        /// The content, encoded.
        encoded_data: Option<String> = None,
        /// Pillar key of the encoded content.
        contents_pillar: Option<String> = None,
        /// How it is encoded; only base64.
        encoding_type: String = "base64".to_owned(),
        /// Checksum shown in the changes.
        checksum: String = "md5".to_owned(),
    }
}

/// The file and its decoded content.
pub struct Todo {
    path: PathBuf,
    content: Vec<u8>,
}

impl State for Decode {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let path = named(&self.name, "decode")?;
        let content = self.content(look)?;
        let sum = |bytes: &[u8]| {
            hex_of_bytes(&self.checksum, bytes)
                .ok_or_else(|| Failure::new(format!("there is no checksum '{}'", self.checksum)))
        };
        let old = if path.is_file() {
            let bytes =
                read_bounded(&path, super::source::MAX_FILE).map_err(|fault| Failure::new(fault.to_string()))?;
            if bytes == content {
                return Ok(Plan::Nothing(Report::new("File is in the correct state.")));
            }
            Value::from(sum(&bytes)?)
        } else {
            Value::Null
        };
        let new = sum(&content)?;
        let report = |comment: &str| Report::new(comment).change("old", old.clone()).change("new", new.as_str());
        Ok(Plan::Change {
            todo: Todo { path, content },
            would: report("File is set to be updated."),
            did: report("File was updated."),
        })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let written = write_atomic(&todo.path, &todo.content, &WriteOptions::default());
        written.map(|()| Applied::AsPlanned).map_err(|fault| Failure::new(fault.to_string()))
    }
}

impl Decode {
    fn content(&self, look: &Look) -> Result<Vec<u8>, Failure> {
        if self.encoding_type != "base64" {
            return Err(Failure::new(format!(
                "file.decode: the encoding '{}' is not supported yet",
                self.encoding_type
            )));
        }
        let text = match (&self.encoded_data, &self.contents_pillar) {
            (Some(_), Some(_)) => return Err(Failure::new("Specify only one 'encoded_data' or 'contents_pillar'.")),
            (Some(text), None) => text.clone(),
            (None, Some(key)) => {
                let pillar = Value::Map((*look.pillar()).clone());
                let found = traverse(&pillar, key, ":").and_then(Value::as_str);
                found.ok_or_else(|| Failure::new("Pillar data not found."))?.to_owned()
            }
            (None, None) => {
                return Err(Failure::new("Specify either the 'encoded_data' or 'contents_pillar' argument."));
            }
        };
        let text: String = text.split_whitespace().collect();
        STANDARD.decode(text).map_err(|_| Failure::new(format!("{}: the data is not base64", self.name)))
    }
}
